"""
Run on a lab's master by ``bench.highstate``: times jobs on nodes, taken in turns.

Input: JSON on standard input: ``rounds``, and ``jobs`` with name, node, function, arguments.
Output: JSON, seconds from publish to return for each job name.
"""

import json
import sys
import time

import salt.client


def main() -> None:
    """Run every job once unmeasured, then ``rounds`` times in turns."""
    order = json.load(sys.stdin)
    client = salt.client.LocalClient()
    seconds: dict[str, list[float]] = {job["name"]: [] for job in order["jobs"]}
    for number in range(order["rounds"] + 1):
        for job in order["jobs"]:
            begin = time.monotonic()
            returned = client.cmd(job["node"], job["function"], job["arguments"], timeout=120)
            taken = time.monotonic() - begin
            states = returned.get(job["node"])
            if not isinstance(states, dict):
                sys.exit(f"{job['name']}: {states}")
            off = [s["__id__"] for s in states.values() if s["changes"] or not s["result"]]
            if number and off:
                sys.exit(f"{job['name']} was not a no-op: {off}")
            if number:
                seconds[job["name"]].append(taken)
    json.dump(seconds, sys.stdout)


if __name__ == "__main__":
    main()
