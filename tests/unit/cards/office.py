"""Where cards are issued in tests: the tiny cloud, a ledger on disk, a key store in memory."""

from pathlib import Path

from picloud.cards import Office
from picloud.cloud import build
from picloud.ledger import Ledger
from picloud.load import from_texts

TINY = Path(__file__).resolve().parents[2] / "data" / "tiny"


class Keys:
    """A key store in memory."""

    def __init__(self):
        self.store, self.made = {}, 0

    def known(self, name):
        return list(self.store.get(name, []))

    def accept(self, name, public):
        self.store[name] = [("accepted", public)]

    def generate(self):
        self.made += 1
        return f"private {self.made}\n", f"public {self.made}\n"

    def master(self):
        return "master\n"


def tiny(**edits):
    """Return the tiny cloud; ``edits`` replace text in its files."""
    texts = {p.relative_to(TINY).as_posix(): p.read_text() for p in sorted(TINY.rglob("*.sls"))}
    for old, new in edits.items():
        texts = {name: text.replace(old, new) for name, text in texts.items()}
    return build(from_texts(texts))


def office(folder, keys=None, cloud=None, ledger=None):
    """Return an office whose ledger is beside the folder of its seeds."""
    return Office(
        cloud=cloud or tiny(),
        ledger=ledger or Ledger(f"sqlite:///{folder.parent / 'ledger' / 'ledger.db'}"),
        keys=keys or Keys(),
        folder=folder,
        by="jane",
        at=1000.0,
        modules={"modules/pirejoin.py": "# asks\n", "grains/pi.py": "# tells\n"},
    )
