"""Who was not issued a card here gets nothing, and the admin gets one line that names it."""

import base64
import json
import time

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from picloud.identity import fingerprint

from tests.integration.attacker import Owned, key_pair, knock
from tests.integration.head import Head, describe


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """Start a master with the engine."""
    description = describe(tmp_path_factory.mktemp("nobody") / "cloud")
    head = Head(description)
    head.start()
    yield head
    head.kill()


@pytest.fixture(scope="module")
def owned(head, tmp_path_factory):
    """Return pi1, which somebody else owns: its card is ours, what it sends is not."""
    seed = head.card(tmp_path_factory.mktemp("owned"), node="pi1")
    return Owned(seed, "pi1", head.port)


@pytest.fixture
def victim(head, tmp_path):
    """Return the public half of pi0's present card; nothing runs there."""
    if head.keys.accepted("pi0") is None:
        head.card(tmp_path / "victim", node="pi0")
    return head.keys.accepted("pi0")


def forged_start(node):
    return (f"salt/minion/{node}/start", {"id": node, "cmd": "_minion_event", "data": "started"})


def forged_offer(node, public, act="denied"):
    return ("salt/auth", {"id": node, "act": act, "pub": public, "result": False})


def still_works(head, folder, public=None):
    """A real card of pi2 gets in, so the engine lives and serves others."""
    began = time.time()
    seed = head.card(folder, node="pi2")
    public = (seed / "minion.pub").read_text()
    if head.keys.accepted("pi2") != public:
        head.wait(lambda: knock(head.port, ("pi2", public)) and _in(head, "pi2", public), 60)
    return time.time() - began


def _in(head, node, public):
    accepted = head.keys.accepted(node)
    return accepted is not None and fingerprint(accepted) == fingerprint(public)


def test_a_key_that_was_not_issued_here(head, victim):
    _, public = key_pair()
    before = len(head.ledger.decisions.of("pi0"))
    for _ in range(3):
        assert knock(head.port, ("pi0", public)) == [("pi0", False)]
    seen = head.refused("pi0")
    assert "offers a key of which no card was issued here" in seen.reason
    head.quiet()
    assert head.keys.accepted("pi0") == victim
    assert head.ledger.rejoins.get("pi0") is None
    (row,) = head.ledger.decisions.of("pi0")[: -before or None]
    assert (row.kind, row.action) == ("stranger", "refuse")
    assert head.log.count("Rejoin refuses 'pi0'") == 1


def test_an_impostor_does_not_keep_the_real_card_out(head, tmp_path):
    still_works(head, tmp_path / "first")
    new = (head.card(tmp_path / "new", node="pi2") / "minion.pub").read_text()
    _, public = key_pair()
    knock(head.port, ("pi2", public))
    head.wait(lambda: knock(head.port, ("pi2", new)) and _in(head, "pi2", new))
    assert head.keys.denied("pi2") == []


def test_the_right_id_and_serial_with_the_wrong_key(head, owned, victim):
    private, _ = key_pair()
    row = _asked(head, owned, "pi0")
    board = {"serial": "00000000e0000001", "mac": "b8:27:eb:00:00:01", "model": "pi2b"}
    answer = _signed(private, {"nonce": row.nonce, "id": "pi0", "board": board})
    owned.returns("20260101000000000001", "pirejoin.evidence", answer, resource_id="pi0")
    head.wait(lambda: "a report of 'pi0' is not signed with its key" in head.log)
    assert head.ledger.rejoins.get("pi0").step == "asked"
    assert head.ledger.boards.get(board["serial"]) is None


def test_a_report_signed_by_one_node_in_the_name_of_another(head, owned, victim):
    row = _asked(head, owned, "pi0")
    private = (owned.pki / "minion.pem").read_text()
    for named in ("pi0", "pi1"):
        answer = _signed(private, {"nonce": row.nonce, "id": named, "board": {"serial": "f00"}})
        owned.returns("20260101000000000002", "pirejoin.evidence", answer, resource_id="pi0")
    head.quiet()
    assert head.ledger.rejoins.get("pi0").step == "asked"
    assert head.ledger.boards.get("f00") is None


def _asked(head, owned, node):
    """Have a node asked who it is, as anybody on the bus can."""
    owned.fire(forged_start(node))
    return head.step(node, "asked")


def _signed(private, report):
    text = json.dumps(report)
    key = serialization.load_pem_private_key(private.encode(), password=None)
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return {"report": text, "signature": base64.b64encode(signature).decode()}


def test_revoked_and_retired_cards(head, tmp_path):
    first = still_works(head, tmp_path / "first") and head.keys.accepted("pi2")
    seed = head.card(tmp_path / "second", node="pi2")
    second = (seed / "minion.pub").read_text()
    head.wait(lambda: knock(head.port, ("pi2", second)) and _in(head, "pi2", second))
    knock(head.port, ("pi2", first))
    retired = head.wait(lambda: _reason(head, first))
    assert "has been replaced" in retired
    head.run("card.revoke", card=head.ledger.cards.by_fingerprint(fingerprint(second)).card)
    assert head.keys.accepted("pi2") is None
    knock(head.port, ("pi2", second))
    revoked = head.wait(lambda: _reason(head, second))
    assert "was revoked" in revoked
    head.quiet()
    assert head.keys.accepted("pi2") is None


def _reason(head, public):
    """Why a key was refused."""
    return next(
        (
            one.reason
            for one in head.ledger.strangers.list()
            if one.fingerprint == fingerprint(public)
        ),
        None,
    )


ODD = {
    "star": "*",
    "list": "pi0,pi1",
    "newline": "pi0\npi1",
    "path": "../minions/pi0",
    "long": "x" * 300,
    "half long": "y" * 200,
    "jinja": "{{ 7 * 7 }}",
    "nul": "pi0\0",
}
#: What the log says of those that the engine never hears of.
NAMED = {
    "../minions/pi0": "Salt refuses a key that was offered as '../minions/pi0'",
    "x" * 300: "File name too long",
    "pi0\0": r"Payload contains an id with a null byte: {'enc': 'clear', 'load': {'cmd': '_auth', "
    r"'id': 'pi0\x00'",
}


def test_who_knocks_as_soon_as_the_master_has_started_is_heard(head):
    """No sweep looks for strangers: the event that tells of this one comes once."""
    head.kill()
    head.start()
    knock(head.port, ("early", key_pair()[1]))
    assert "no card was issued here" in head.refused("early", seconds=5).reason


@pytest.mark.parametrize("name", ODD.values(), ids=ODD)
def test_odd_ids(head, name):
    _, public = key_pair()
    before = {row.node for row in head.ledger.rejoins.all()}
    knock(head.port, (name, public))
    head.quiet()
    assert head.keys.accepted(name) is None
    assert {row.node for row in head.ledger.rejoins.all()} == before
    for one in head.ledger.strangers.list():
        assert len(one.name) <= 64
    if name in ("*", "pi0,pi1", "pi0\npi1", "{{ 7 * 7 }}", "y" * 200):
        assert "no card was issued here" in head.refused(name[:64]).reason
        assert f"Rejoin refuses {name[:64]!a}" in head.log
    else:  # Salt refuses these itself, and tells no event
        assert NAMED[name] in head.log


@pytest.mark.parametrize("name", ODD.values(), ids=ODD)
def test_odd_ids_in_forged_events(head, owned, name):
    engine = head.engine().pid
    owned.fire(
        forged_offer(name, "no key"),
        forged_offer(name, "no key", "pend"),
        forged_start(name),
        (
            f"salt/job/1/ret/{name}",
            {"id": name, "fun": "pirejoin.evidence", "return": {"report": '{"nonce": "1"}'}},
        ),
        (f"salt/job/1/ret/{name}", {"id": name, "fun": "pirejoin.verify", "return": "no"}),
        ("salt/auth", {"id": [name], "act": {}, "pub": 1}),
        (f"salt/minion/{name}/start", None),
    )
    head.quiet()
    assert head.engine().pid == engine
    assert head.ledger.rejoins.get(name) is None
    assert not head.keys.offered(name) or name == "x" * 300 or head.keys.accepted(name) is None
