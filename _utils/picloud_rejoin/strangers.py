"""
What strangers leave on the master: bounded in number and time, and named once.
"""

import logging
from pathlib import Path

from picloud.identity import fingerprint
from picloud.ledger.strangers import Stranger
from picloud.rejoin import strangers

log = logging.getLogger(__name__)

#: Where the packet filter lists the addresses that it holds up; empty where it is not loaded.
LISTS = Path("/proc/net/xt_recent")
#: Seconds until an address that still knocks too often is named again.
AGAIN_S = 3600.0
#: Most keys taken off the list in one sweep, about two seconds of work; a flood that is held up
#: brings fewer until the next one.
CLEARED = 3000
#: Most of their names put on record then; each is a transaction.
RECORDED = 100


def clear(engine, names, now):
    """
    Take the keys of strangers off the list of those that wait, when they are too old or too many.

    engine, now
        The engine, and the time in seconds since 1970.
    names
        Ids under which keys are offered; described nodes and cards issued here keep theirs.
    """
    foreign = [name for name in names if engine.cloud.node(name) is None]
    since = {name: at for name in foreign if (at := engine.keys.stored_at(name)) is not None}
    gone = {}
    for name in strangers.surplus(since, now)[:CLEARED]:
        if name.startswith("card-") and engine.ledger.cards.get(name) is not None:
            continue
        if (public := engine.keys.forget_waiting(name)) is not None:
            gone[name] = public
    if not gone:
        return
    log.warning("Rejoin takes %d keys of strangers off the list of those that wait", len(gone))
    known = {one.name for one in engine.ledger.strangers.list()}
    reason = "no card was issued for this key; it has waited and was taken off the list"
    for name in [name for name in gone if name[:64] not in known][-RECORDED:]:
        seen = Stranger(name, fingerprint(gone[name]), reason, 1, since[name], now)
        engine.ledger.strangers.saw(seen)


def name_limited(engine, now):
    """
    Name the addresses that knock more often than the packet filter lets through; once an hour.

    engine, now
        The engine, and the time in seconds since 1970.
    """
    for address in [one for one, at in engine.limited.items() if not 0 <= now - at < AGAIN_S]:
        del engine.limited[address]
    for path in sorted(LISTS.glob("picloud-limit*")):
        try:
            found = strangers.limited(path.read_text("ascii"))
            path.write_text("/\n")  # forgets all, so that only those are listed again who go on
        except OSError as err:
            log.debug("%s: %s", path, err)
            continue
        for address in found:
            tool = "ip6tables" if ":" in address else "iptables"
            reason = (
                "knocks or connects more often than the limit; what is too much is dropped."
                f" To shut it out: {tool} -I picloud-limit -s {address} -j DROP"
            )
            # A flood of names may have pushed the address off the record: it is put there again.
            engine.ledger.strangers.saw(Stranger(address, "", reason, 1, now, now))
            if address not in engine.limited:
                engine.limited[address] = now
                log.warning("Rejoin holds %s up: it %s", address, reason)
                engine.bus.tell("refused", address, kind="flood", reason=reason)
