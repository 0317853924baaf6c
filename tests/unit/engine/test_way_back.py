"""The whole engine with a real ledger and really signed reports: what becomes of a node."""

import base64
import json
from functools import cache
from types import SimpleNamespace

import picloud_salt
import pytest
import salt.crypt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from picloud.faults import Fault
from picloud.identity import CardState, fingerprint
from picloud.ledger import CardRow, Hint, Ledger, Rejoin, StorageError
from picloud_rejoin.bus import BRING, EVIDENCE, VERIFY
from picloud_rejoin.engine import Engine

from tests.unit.cards.office import tiny
from tests.unit.engine.test_requests import Bus, Jobs, Keys

OWN = {"pi0": "00000000e0000001", "pi1": "00000000e0000002"}
NEW = "00000000e0000077"
GOOD = {"error": None, "states": 3, "failed": [], "would": []}


#: The key pair of a name, made once: that takes longer than most of these tests.
key_pair = cache(lambda _name: salt.crypt.gen_keys(2048))


class Head:
    """An engine, its nodes and the clock."""

    def __init__(self, folder, monkeypatch, policy=""):
        self.now, self.faults = 1000.0, ()
        for module in ("engine", "answers", "acts", "history"):
            monkeypatch.setattr(f"picloud_rejoin.{module}.time.time", lambda: self.now)
        monkeypatch.setattr("picloud_rejoin.engine.time.sleep", lambda _: None)
        cloud = tiny()
        if policy:
            rules = cloud.rejoin.model_copy(update=policy)
            monkeypatch.setattr(type(cloud), "rejoin", rules)
        self.cloud = cloud
        store = SimpleNamespace(register=lambda: (self.cloud, self.faults))
        self.ledger = Ledger(f"sqlite:///{folder}/ledger.db")
        self.engine = Engine(
            {"minion_data_cache": False, "pki_dir": str(folder)},
            ledger=self.ledger,
            store=store,
            keys=Keys(),
            bus=Bus(),
            jobs=Jobs(),
        )
        self.private = {}

    def card(self, node, name="card-000000000000"):
        """A card of a node, in use."""
        private, public = key_pair(node)
        row = CardRow(
            f"{name[:-1]}{node[-1]}",
            node,
            False,
            fingerprint(public),
            CardState.IN_USE,
            public=public,
        )
        self.ledger.cards.add([row])
        self.engine.keys.store[node] = public
        self.private[node] = serialization.load_pem_private_key(private.encode(), None)

    def row(self, node):
        return self.ledger.rejoins.get(node)

    def rounds(self, seconds=3, step=1):
        for _ in range(0, seconds, step):
            self.now += step
            self.engine.round([])

    def start(self, node):
        self.now += 10
        self.engine.round([(f"salt/minion/{node}/start", {"id": node})])

    def answer(self, node, function, serial, **more):
        """A node answers the question that was asked last."""
        report = {
            "nonce": self.row(node).nonce,
            "id": node,
            "at": self.now,
            "board": {"serial": serial, "model": "pi2b", "ram_mb": 1024},
            "modules": picloud_salt.modules_digest(),
        }
        if function == VERIFY:
            report |= {"highstate": GOOD, "services": {}, "disk_free_mb": 999}
            report |= {"disk_writable": True}
        text = json.dumps(report | more)
        signed = self.private[node].sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        said = {"report": text, "signature": base64.b64encode(signed).decode()}
        tag = f"salt/job/1/ret/{node}"
        self.engine.round([(tag, {"id": node, "fun": function, "return": said})])

    def comes(self, node, serial, claimed=True, **more):
        """A node starts on a board; its row after it was decided about, and its batch claimed."""
        self.start(node)
        self.answer(node, EVIDENCE, serial, **more)
        self.rounds(8)  # somebody else may have to be asked first, who is silent
        for token in self.ledger.batches.unclaimed(self.now) if claimed else ():
            self.ledger.batches.claim(token)
        return self.row(node)

    def up(self, node, serial):
        """A node is converged on a board."""
        assert self.comes(node, serial).step == "converging"
        self.answer(node, VERIFY, serial)
        assert self.row(node).step == "converged"


@pytest.fixture
def head(tmp_path, monkeypatch):
    head = Head(tmp_path, monkeypatch)
    for node in OWN:
        head.card(node)
    return head


@pytest.fixture
def strict(tmp_path, monkeypatch):
    head = Head(tmp_path, monkeypatch, {"boards": "confirm"})
    head.card("pi0")
    return head


def test_a_board_that_is_changed_while_the_node_converges_costs_no_card(head):
    assert head.comes("pi0", OWN["pi0"]).step == "converging"
    head.answer("pi0", VERIFY, NEW)
    assert head.row("pi0").step == "asked"
    head.answer("pi0", EVIDENCE, NEW)
    head.rounds()
    assert (head.row("pi0").step, head.row("pi0").kind) == ("converging", "new board")
    assert head.ledger.cards.in_use("pi0") is not None


def test_a_copy_that_answers_beside_it_is_still_stopped(head):
    head.comes("pi0", OWN["pi0"])
    head.answer("pi0", VERIFY, NEW)
    head.answer("pi0", EVIDENCE, NEW)
    for serial in (OWN["pi0"], NEW, OWN["pi0"]):
        head.answer("pi0", EVIDENCE, serial)
    head.rounds()
    assert head.row("pi0").step == "quarantined"
    assert head.ledger.cards.in_use("pi0") is None
    assert head.ledger.boards.of("pi0").serial == OWN["pi0"]


def test_a_board_to_be_confirmed_is_not_confirmed_by_a_restart(strict):
    strict.up("pi0", OWN["pi0"])
    for _ in range(2):
        row = strict.comes("pi0", NEW)
        assert (row.step, row.kind) == ("held", "new board")
    assert strict.ledger.boards.of("pi0").serial == OWN["pi0"]
    assert strict.comes("pi0", OWN["pi0"]).step == "converging"


def test_while_the_description_is_broken_nothing_fails_and_nobody_is_converged(head):
    assert head.comes("pi0", OWN["pi0"]).step == "converging"
    head.faults = (Fault("base.sls", 3, "base", "syntax", "no YAML", "mend it"),)
    head.engine.round([])
    head.answer("pi0", VERIFY, OWN["pi0"], highstate={"error": "is broken", "states": 0})
    row = head.row("pi0")
    assert (row.step, row.tries) == ("waiting", 0)
    assert "salt-run picloud.validate" in row.reason
    head.rounds(60)
    assert head.row("pi0").step == "waiting"
    head.faults = ()
    head.rounds()
    assert head.row("pi0").step == "converging"


def test_a_node_held_by_hand_gets_its_new_key_and_stays_held(head):
    head.up("pi0", OWN["pi0"])
    head.ledger.journal.put([Hint("hold", "pi0", head.now, data={"reason": "its fan"})])
    head.rounds(1)
    public = head.ledger.cards.in_use("pi0").public
    new = CardRow("card-1", "pi0", False, "f", CardState.ISSUED, public="another")
    head.ledger.cards.add([new])
    admission = SimpleNamespace(
        node="pi0", card="card-1", kind="new card", reason="issued", replaces="card-000000000000"
    )
    head.engine.acts.let_in("pi0", "another", admission, head.now, head.now)
    assert head.engine.keys.store["pi0"] == "another" != public
    head.start("pi0")
    assert (head.row("pi0").step, head.row("pi0").kind) == ("held", "held by hand")


def test_boards_that_went_round_among_three_are_all_learned(head):
    head.card("pi2")
    boards = {**OWN, "pi2": NEW}
    for node, serial in boards.items():
        head.up(node, serial)
    round_about = {"pi0": OWN["pi1"], "pi1": NEW, "pi2": OWN["pi0"]}
    for node, serial in round_about.items():
        head.comes(node, serial)
    for _ in range(3):
        for node, serial in round_about.items():
            if head.row(node).step == "asked":
                head.answer(node, EVIDENCE, serial)
                head.rounds(8)
    assert {node: head.ledger.boards.of(node).serial for node in boards} == round_about
    assert {head.row(node).step for node in boards} == {"converging"}


def test_who_was_held_for_something_else_stays_held_when_boards_are_exchanged(head):
    for node, serial in OWN.items():
        head.up(node, serial)
    held = Rejoin("pi0", "held", "wrong slot", serial=OWN["pi1"], card="card-000000000000")
    head.ledger.rejoins.put([held])
    assert head.comes("pi1", OWN["pi0"]).kind == "boards exchanged"
    assert head.row("pi0").step == "held"


def test_a_sweep_that_asks_again_does_not_put_off_the_end(head):
    head.start("pi0")
    before = head.row("pi0")
    head.now += 30
    head.ledger.journal.put([Hint("start", "pi0", head.now, data={"again": True})])
    head.engine.jobs.sent.clear()
    head.engine.round([])
    assert head.engine.jobs.sent == [("pi0", EVIDENCE)]
    assert head.row("pi0") == before


def test_a_verification_is_not_lost_while_the_ledger_cannot_be_written(head, monkeypatch):
    head.comes("pi0", OWN["pi0"])
    with monkeypatch.context() as broken:

        def refuse(_):
            raise StorageError("no room")

        broken.setattr(head.ledger.rejoins, "put", refuse)
        head.answer("pi0", VERIFY, OWN["pi0"])
        assert head.row("pi0").step == "converging"
    head.engine.round([])
    assert head.row("pi0").step == "converged"


def test_a_node_that_is_not_described_any_more_is_held_with_the_reason(head):
    head.up("pi1", OWN["pi1"])
    head.cloud = tiny(**{"id: pi1": "id: pi9"})
    row = head.comes("pi1", OWN["pi1"])
    assert row.step == "held"
    assert "is not in the description any more" in row.reason


def test_the_board_of_a_renamed_node_is_free(head):
    head.up("pi1", OWN["pi1"])
    head.cloud = tiny(**{"id: pi1": "id: pi9"})
    head.card("pi9")
    assert head.comes("pi9", OWN["pi1"]).step == "converging"


def test_after_the_clock_went_back_nodes_are_looked_at(head):
    head.now = 90000.0
    head.up("pi0", OWN["pi0"])
    head.start("pi1")
    head.now = 5000.0
    head.engine.round([])
    assert (head.row("pi1").step, head.row("pi1").step_at) == ("asked", 5000.0)
    assert head.row("pi1").limit_at == 5000.0 + head.cloud.rejoin.limits_s.evidence
    assert head.comes("pi0", NEW).kind == "new board"


def test_a_seed_on_a_card_that_was_written_anew_is_converged(head):
    head.up("pi0", OWN["pi0"])
    assert head.comes("pi0", OWN["pi0"]).step == "converged"
    assert head.comes("pi0", OWN["pi0"], fresh=True).step == "converging"


def test_a_node_that_failed_before_is_converged_without_that_reason(head):
    head.comes("pi0", OWN["pi0"])
    head.answer("pi0", VERIFY, OWN["pi0"], highstate={**GOOD, "failed": ["docker-service"]})
    assert head.row("pi0").tries == 1
    head.rounds(60)
    head.answer("pi0", VERIFY, OWN["pi0"])
    row = head.row("pi0")
    assert (row.step, row.reason) == ("converged", "is verified, after 1 tries that failed")


def test_forged_reports_are_one_line(head, monkeypatch):
    lines = []
    monkeypatch.setattr("picloud_rejoin.answers.log.warning", lambda *said: lines.append(said))
    head.start("pi0")
    nonce = head.row("pi0").nonce
    forged = {"report": json.dumps({"nonce": nonce, "id": "pi0"}), "signature": "eA=="}
    event = ("salt/job/1/ret/pi0", {"id": "pi0", "fun": EVIDENCE, "return": forged})
    head.engine.round([event] * 500)
    assert [line[1] for line in lines] == [500]


@pytest.mark.parametrize(
    ("minion_s", "verified"),
    [
        pytest.param(3.0, True, id="its minion started in the middle"),
        pytest.param(900.0, False, id="an event only said so"),
        pytest.param(None, True, id="it does not know"),
    ],
)
def test_a_start_while_it_converges(head, minion_s, verified):
    assert head.comes("pi0", OWN["pi0"]).step == "converging"
    converging = head.row("pi0")
    head.engine.jobs.sent.clear()
    for _ in range(3):
        head.start("pi0")
    assert {function for _, function in head.engine.jobs.sent} == {EVIDENCE}
    nonce = head.engine.probes.asked["pi0"].nonce
    head.answer("pi0", EVIDENCE, OWN["pi0"], nonce=nonce, minion_s=minion_s)
    head.rounds(30)
    assert (("pi0", VERIFY) in head.engine.jobs.sent) is verified
    assert head.row("pi0") == converging


def test_a_node_that_nobody_converged_after_all_is_verified_less_and_less_often(head):
    """The orchestration may be killed; a first highstate may take an hour."""
    head.comes("pi0", OWN["pi0"])
    head.engine.jobs.sent.clear()
    asked = []
    for minute in range(50):
        head.rounds(60, step=10)
        if ("pi0", VERIFY) in head.engine.jobs.sent:
            asked.append(minute)
            head.engine.jobs.sent.clear()
    assert len(asked) == 4
    assert asked[0] <= 5
    assert asked[3] - asked[2] > 15


@pytest.mark.parametrize(
    ("fresh", "modules", "brought"),
    [
        pytest.param(True, "of the master", False, id="those of the master"),
        pytest.param(True, "old", True, id="of another day"),
        pytest.param(True, None, True, id="it cannot say"),
        pytest.param(False, "old", False, id="a highstate brings them"),
    ],
)
def test_a_new_card_with_old_modules_is_brought_them_once(
    head, monkeypatch, fresh, modules, brought
):
    monkeypatch.setattr("picloud_salt.modules_digest", lambda: "of the master")
    head.start("pi0")
    head.engine.jobs.sent.clear()
    head.answer("pi0", EVIDENCE, OWN["pi0"], fresh=fresh, modules=modules)
    if brought:
        assert head.engine.jobs.sent == [("pi0", BRING)]
        head.rounds()
        assert head.row("pi0").step == "asked"
        head.engine.round([("salt/job/1/ret/pi0", {"id": "pi0", "fun": BRING, "return": {}})])
        assert head.engine.jobs.sent == [("pi0", BRING), ("pi0", EVIDENCE)]
        head.answer("pi0", EVIDENCE, OWN["pi0"], fresh=fresh, modules=modules)
    head.rounds()
    assert head.row("pi0").step == "converging"
    assert len(head.engine.jobs.sent) == 2 * brought


def dispatched(head, node):
    """The token of the batch of a node whose highstate is about to begin."""
    head.comes(node, OWN[node], claimed=False)
    assert head.row(node).step == "converging"
    head.engine.jobs.sent.clear()
    (token,) = (said for what, said in head.engine.bus.told if what == "go")
    return token


def test_a_batch_that_nobody_claimed_is_not_verified(head):
    """The event that starts it was lost with the master."""
    token = dispatched(head, "pi0")
    head.engine.resume()
    head.rounds(40)
    assert head.engine.jobs.sent == []
    assert head.engine.bus.told[-1] == ("go", token)
    assert head.ledger.batches.claim(token) == (["pi0"], head.row("pi0").nonce)
    head.rounds(30)
    assert head.engine.jobs.sent == [("pi0", VERIFY)]


def test_a_highstate_that_ended_with_the_master_is_no_failure_of_the_node(head):
    token, nonce = dispatched(head, "pi0"), head.row("pi0").nonce
    assert head.ledger.batches.claim(token) == (["pi0"], nonce)
    head.engine.resume()
    head.answer("pi0", VERIFY, OWN["pi0"], highstate=GOOD | {"would": ["docker"]})
    assert (head.row("pi0").step, head.row("pi0").tries) == ("waiting", 0)
    assert head.row("pi0").reason == "the master ended while it was being converged"
    head.rounds(60)
    assert head.row("pi0").step == "converging"
    assert head.row("pi0").nonce != nonce
    head.answer("pi0", VERIFY, OWN["pi0"], highstate=GOOD | {"would": ["docker"]})
    assert head.row("pi0").tries == 1
