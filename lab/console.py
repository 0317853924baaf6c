"""What the lab shows: one line per step, a panel for a failure."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from lab import shell
from lab.errors import LabError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

#: A runner with its arguments, up to the end of the sentence.
COMMAND = re.compile(r"salt-run ([a-z]+\.[a-z_]+(?: [a-z_]+=[^\s;,'\"]*[^\s;,.'\"])*)")


class Step:
    """A step under way; ``result`` is what its line will say when it is done."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.result = ""


@contextmanager
def step(name: str, bar: bool = False) -> Iterator[Step]:
    """
    Show a step while it runs and a line with its seconds when it is done.

    bar
        The step shows its own :func:`progress` meanwhile.

    Example: ``with step("network") as now: now.result = "10.80.0.0/16"``
    """
    shell.note(f"-- {name}")
    begin, now = time.monotonic(), Step(name)
    with nullcontext() if bar else out.status(f"{name} …"):
        yield now
    seconds = time.monotonic() - begin
    line = Text.assemble(
        ("✓ ", "green"), f"{name:<10}", " ", now.result, (f"  {seconds:.1f} s", "dim")
    )
    out.print(line, soft_wrap=True)


def progress() -> Progress:
    """A bar with a count, for steps that wait for many nodes."""
    columns = (TextColumn("  {task.description:<10}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns,
        TextColumn("{task.fields[now]}"),
        TimeElapsedColumn(),
        console=out,
        transient=True,
        disable=not out.is_terminal,
    )


def here(text: str) -> str:
    """
    What the cloud says, with its commands as they are typed in the lab.

    >>> here("let it go: salt-run rejoin.release node=pi3; its fan")
    'let it go: make run ARGS="rejoin.release node=pi3"; its fan'
    """
    return COMMAND.sub(r'make run ARGS="\1"', text)


def say(text: str) -> None:
    """A plain line."""
    out.print(Text(here(text)), soft_wrap=True)


def failed(error: LabError) -> None:
    """Say what failed, where the log is, and what to do."""
    log = error.log or shell.log_path()
    text = Text.assemble((here(error.what), "bold"), "\n\n")
    text.append(f"Log:  {log}\n" if log else "").append(f"Do:   {here(error.remedy)}")
    err.print(Panel(text, title="failed", title_align="left", border_style="red"))
