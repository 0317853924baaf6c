"""The one error of the lab."""

from pathlib import Path


class LabError(Exception):
    """
    A step of the lab failed.

    what
        What failed, in a sentence.
    remedy
        What to do now.
    log
        Where the details are; the lab's own log when not given.
    """

    def __init__(self, what: str, remedy: str, log: Path | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.log = log
