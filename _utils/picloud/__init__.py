"""
The description of a Raspberry Pi cloud: read, checked, indexed, cut into one view per node.

Plain typed Python without Salt. ``load.read`` reads the files, ``cloud.build`` checks them and
gives a ``Cloud``, ``Cloud.view`` gives what one node may see; ``faults.DescriptionError`` carries
all that is wrong.
"""
