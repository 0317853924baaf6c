"""
Container images at a master: made from Debian's packages, kept in a registry for the nodes.

What decides is in ``picloud.workloads`` (``recipe``, ``oci``, ``seal``); here is what acts.
"""
