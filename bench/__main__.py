"""
Run benchmarks and print their figures: ``python -m bench [name ...]``, all of them without a name.

One line a figure, tab-separated: name, value, unit, baseline. A bench is a module of this folder
with a function ``figures()``; the exit status is 1 when one of them failed.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
HELPERS = {"__main__", "frame", "generate", "onmaster"}


def names() -> list[str]:
    """Return the benches there are, in alphabetical order."""
    return sorted(
        module.name for module in pkgutil.iter_modules([str(FOLDER)]) if module.name not in HELPERS
    )


def main(wanted: list[str]) -> int:
    """Run the wanted benches; return the exit status."""
    unknown = [name for name in wanted if name not in names()]
    if unknown:
        print(f"no bench {', '.join(unknown)}; there are: {', '.join(names())}", file=sys.stderr)
        return 2
    failed = 0
    for name in wanted or names():
        print(f"bench {name} ...", file=sys.stderr, flush=True)
        try:
            for figure in importlib.import_module(f"bench.{name}").figures():
                print(figure, flush=True)
        except Exception:
            traceback.print_exc()
            print(f"bench {name} failed, see above", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.path[:0] = [str(FOLDER.parent), str(FOLDER.parent / "_utils")]
    sys.exit(main(sys.argv[1:]))
