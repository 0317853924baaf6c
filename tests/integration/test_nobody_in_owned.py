"""What a node that somebody else owns can do with its own keys: nothing to others."""

import threading
import time

import pytest
import salt.utils.event
from picloud.identity import fingerprint
from picloud.ledger import Pending

from tests.integration.attacker import Owned, key_pair, knock
from tests.integration.head import Head, describe

BODY = {"saltenv": "base", "loc": 0, "gzip": None}
OUTSIDE = [
    "pillar/cloud/cloud.sls",
    "../pillar/cloud/cloud.sls",
    "|../pillar/cloud/cloud.sls",
    "_modules/../../pillar/cloud/cloud.sls",
    "/etc/passwd",
    "../../../../../../etc/passwd",
]


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """Start a master with the engine."""
    head = Head(describe(tmp_path_factory.mktemp("owned") / "cloud"))
    head.start()
    yield head
    head.kill()


@pytest.fixture(scope="module")
def nodes(head, tmp_path_factory):
    """Return pi0, and pi1, which somebody else owns; both have cards that were issued here."""
    folder = tmp_path_factory.mktemp("seeds")
    return [Owned(head.card(folder, node=name), name, head.port) for name in ("pi0", "pi1")]


@pytest.fixture
def owned(nodes):
    return nodes[1]


@pytest.fixture
def heard(head):
    """Return what gives the tags of the events heard since."""
    bus = salt.utils.event.get_master_event(head.opts, head.opts["sock_dir"], listen=True)
    bus.get_event(wait=0.5)

    def tags(seconds):
        end, found = time.monotonic() + seconds, []
        while (left := end - time.monotonic()) > 0:
            if (event := bus.get_event(wait=left, full=True)) is not None:
                found.append(event["tag"])
        return found

    yield tags
    bus.destroy()


@pytest.mark.parametrize(
    "forged",
    [{"inside": "pi0"}, {"envelope": "pi0"}, {"inside": "pi0", "envelope": "pi0"}],
    ids=["inside", "envelope", "both"],
)
def test_nothing_in_the_name_of_another(owned, forged):
    assert owned.call({"cmd": "_pillar"})[0]["picloud"]["node"]["id"] == "pi1"
    for load in (
        {"cmd": "_pillar"},
        {"cmd": "_mine", "data": {"network.ip_addrs": ["10.80.1.66"]}},
        {"cmd": "_mine_flush"},
        {"cmd": "revoke_auth"},
        {"cmd": "_minion_event", "events": [{"tag": "salt/minion/pi0/start", "data": {}}]},
        {"cmd": "_return", "jid": "20260101000000000001", "fun": "test.ping", "return": True},
    ):
        assert owned.call(load, **forged) == [None]


@pytest.mark.parametrize("path", OUTSIDE)
def test_no_file_but_those_of_the_states(owned, path):
    assert owned.call({"cmd": "_serve_file", "path": "top.sls", **BODY})[0]["data"]
    served, digest = owned.call(
        {"cmd": "_serve_file", "path": path, **BODY},
        {"cmd": "_file_hash", "path": path, "saltenv": "base"},
    )
    assert served == {"data": "", "dest": ""}
    assert not digest


@pytest.mark.parametrize("prefix", ["../", "../pillar", "pillar", "/etc"])
def test_no_list_of_other_files(owned, prefix):
    assert owned.call({"cmd": "_file_list", "saltenv": "base", "prefix": prefix}) == [[]]


def test_no_file_is_taken(head, owned):
    load = {"cmd": "_file_recv", "loc": 0, "data": "owned"}
    paths = (["x"], ["..", "..", "..", "x"], ["/etc/x"])
    assert owned.call(*({**load, "path": path} for path in paths)) == [False] * 3
    assert not list(head.root.rglob("x"))


def test_the_mine_of_another_is_empty(owned):
    # Salt gives every node the whole mine, so nothing of ours may go there.
    ask = {"cmd": "_mine_get", "tgt": "*", "tgt_type": "glob", "fun": "network.ip_addrs"}
    assert owned.call(ask, {**ask, "fun": "grains.items"}) == [{}, {}]


def test_no_command_for_others(owned, heard):
    load = {"fun": "cmd.run", "arg": ["id"], "tgt": "*", "tgt_type": "glob", "ret": "", "tmo": 1}
    answers = owned.call(
        {"cmd": "minion_pub", **load},
        {"cmd": "minion_publish", **load},
        {"cmd": "minion_runner", "fun": "card.list", "arg": []},
        {"cmd": "pub_ret", "jid": "20260101000000000001"},
    )
    assert not any(answers)
    assert not [tag for tag in heard(1) if tag.endswith("/new")]


def test_forged_offers(head, owned, nodes, tmp_path):
    """A key counts only if it is in the master's own list, be it that of a card issued here."""
    before = head.keys.accepted("pi0")
    issued = (head.card(tmp_path, node="pi0") / "minion.pub").read_text()
    _, foreign = key_pair()
    for public in (issued, foreign, before):
        for act in ("denied", "pend", "accept"):
            data = {"id": "pi0", "act": act, "pub": public, "result": True}
            owned.fire(("salt/auth", data))
            owned.fire(("auth", data), pretag="salt")
    head.quiet()
    assert head.keys.accepted("pi0") == before
    card = head.ledger.cards.by_fingerprint(fingerprint(issued))
    assert card.state == "issued"
    assert head.ledger.rejoins.get("pi0") is None


def test_a_flood_of_forged_goes_costs_little_and_converges_nobody(head, owned, heard):
    owned.fire(*(("picloud/rejoin/go", {"batch": f"{number:032}"}) for number in range(50)))
    owned.fire(("picloud/rejoin/go", None), ("picloud/rejoin/go", {"batch": ["x"]}))
    began = time.monotonic()
    tags = heard(5)
    head.quiet()
    assert "picloud/rejoin/go" in tags
    assert not [tag for tag in tags if tag.startswith("salt/job/") and tag.endswith("/new")]
    # The master still answers at once: no orchestration was begun for each of them.
    owned.call({"cmd": "_pillar"})
    assert time.monotonic() - began < 20


def test_events_in_the_name_of_another_start_nothing(head, owned):
    owned.fire(
        ("salt/minion/pi0/start", {"id": "pi1"}),
        ("salt/minion/pi2/start", {"id": "pi2"}),  # described, and never had a key
        ("salt/minion/nobody/start", {"id": "nobody"}),
        ("salt/minion/*/start", {"id": "*"}),
        ("picloud/rejoin/converged/pi0", {"node": "pi0"}),
        ("picloud/rejoin/admitted/pi0", {"node": "pi0"}),
    )
    head.quiet()
    assert head.ledger.rejoins.all() == []


def test_a_forged_start_asks_the_node_and_changes_nothing(head, owned, nodes):
    before = head.keys.accepted("pi0")
    owned.fire(("salt/minion/pi0/start", {"id": "pi0"}))
    row = head.step("pi0", "asked")
    # What the forger knows of the question does not help: the answer has to be signed by pi0.
    owned.returns("20260101000000000003", "pirejoin.evidence", {"report": "{}"}, resource_id="pi0")
    owned.returns("20260101000000000003", "pirejoin.verify", None, resource_id="pi0")
    head.quiet()
    assert head.ledger.rejoins.get("pi0").step == "asked"
    assert head.ledger.rejoins.get("pi0").nonce == row.nonce
    assert head.keys.accepted("pi0") == before


def test_a_flood_of_strangers_is_bounded_and_a_real_card_gets_in(head, owned, tmp_path):
    _, public = key_pair()
    first = (head.card(tmp_path / "first", node="pi2") / "minion.pub").read_text()
    assert fingerprint(head.keys.accepted("pi2")) == fingerprint(first)
    new = (head.card(tmp_path / "new", node="pi2") / "minion.pub").read_text()
    knock(head.port, *((f"flood-{number}", public) for number in range(1200)))
    began = time.monotonic()
    head.wait(lambda: knock(head.port, ("pi2", new)) and _in(head, "pi2", new), 90)
    assert time.monotonic() - began < 60
    head.quiet(60)
    assert len(head.ledger.strangers.list()) <= 1000
    assert {row.node for row in head.ledger.rejoins.all()} <= {"pi0", "pi2"}
    assert head.ledger.decisions.of("flood-1") == []
    assert head.keys.accepted("flood-1") is None


def test_a_flood_of_keys_under_one_name_keeps_its_card_out_no_longer(head, tmp_path):
    new = (head.card(tmp_path, node="pi2") / "minion.pub").read_text()
    _, public = key_pair()
    # Not keys at all, and each another one: what the master keeps of them is bounded, too.
    junk = [("pi2", f"{public.strip()}\n{number}") for number in range(200)]
    knock(head.port, *junk)
    head.wait(lambda: knock(head.port, ("pi2", new)) and _in(head, "pi2", new), 90)
    assert len(head.keys.denied("pi2")) <= 1


def test_whoever_knocks_while_a_key_is_exchanged_does_not_get_it_lost(head, tmp_path):
    _, public = key_pair()
    ended = threading.Event()

    def hammer():
        while not ended.is_set():
            knock(head.port, *[("pi2", public)] * 50, at_once=10)

    hammering = threading.Thread(target=hammer)
    hammering.start()
    try:
        for number in range(4):
            new = (head.card(tmp_path / str(number), node="pi2") / "minion.pub").read_text()
            card = head.ledger.cards.by_fingerprint(fingerprint(new))
            present = head.ledger.cards.in_use("pi2").card
            # As the engine records it; whether this one is ever heard in the noise is not asked.
            head.ledger.admissions.record(Pending("pi2", card.card, new, present, time.time()))
            head.wait(lambda: not head.ledger.admissions.waiting())
            assert _in(head, "pi2", new)
    finally:
        ended.set()
        hammering.join()
    assert _in(head, "pi2", new)


def _in(head, node, public):
    accepted = head.keys.accepted(node)
    return accepted is not None and fingerprint(accepted) == fingerprint(public)
