"""
Workloads: what would run where on the sites' swarms, and why something does not fit.

All functions only read. They return data; on a terminal the ``picloud`` outputter makes a table of
it, ``--out=json`` prints the data itself.
"""

from pathlib import Path

import picloud_salt
import picloud_watch
from picloud import cloud as clouds
from picloud import load
from picloud.faults import DescriptionError
from picloud.workloads import pages, placement
from picloud_pages import page


@page
def plan(path=None):
    """
    Show which nodes would run how many replicas of each workload, what that changes, and in words
    why something does not fit.

    path
        Folder of a description that is not in force yet, such as a working copy: the page shows
        what it changes. Default: the one this master uses.

    Swarm schedules by itself in the end; the plan checks that there is room, with the constraints
    that Swarm gets. The exit status is 1 when something does not fit.

    CLI Example:

    .. code-block:: bash

        salt-run workload.plan
        salt-run workload.plan path=/home/jane/picloud/pillar/cloud
    """
    root = Path(path) if path else picloud_salt.description(__opts__)
    if not root.is_dir():
        raise picloud_watch.NoAnswerError(
            f"There is no folder {root}; name the folder that holds cloud.sls."
        )
    source = load.read(root, picloud_salt.render(__opts__, root))
    cloud = _fitting_or_not(source)
    before, _faults = picloud_salt.store(__opts__).cloud()
    running = placement.plan(before, before.common.workloads).where if before else None
    made = placement.plan(cloud, cloud.common.workloads, running)
    data = pages.plan(cloud, made)
    return {**data, "retcode": 1} if made.misfits else data


def _fitting_or_not(source):
    """The cloud of a description whose workloads need not fit; any other fault is one."""
    try:
        return clouds.build(source)
    except DescriptionError as err:
        if any(fault.rule != "workload-fit" for fault in err.faults):
            raise
    return clouds.build(source, fitting=False)
