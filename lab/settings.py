"""What one lab is: its name, checkout and places on this machine."""

from dataclasses import dataclass
from pathlib import Path

STATE = Path("/var/lib/picloud-lab")
LOGS = Path("/var/log/picloud-lab")
LABEL = "picloud.lab"


@dataclass(frozen=True)
class Settings:
    """
    One lab.

    name
        Prefix of its containers, and the name of its network.
    checkout
        The repository that its master serves.
    cache
        Wheels and archives that survive ``down``.

    Example: ``Settings("picloud", Path.cwd(), Path(".cache/lab")).container("pi3")``
    """

    name: str
    checkout: Path
    cache: Path

    @property
    def state(self) -> Path:
        """Boards and notes of this lab; removed by ``down``."""
        return STATE / self.name

    @property
    def log(self) -> Path:
        """Log of everything the lab ran."""
        return LOGS / f"{self.name}.log"

    @property
    def head(self) -> str:
        """Container of the master."""
        return self.container("head")

    @property
    def bridge(self) -> str:
        """Network interface of the lab (15 characters at most)."""
        return f"br-{self.name}"[:15]

    def container(self, node: str) -> str:
        """Container of a node, or of ``head`` and ``aptcache``."""
        return f"{self.name}-{node}"
