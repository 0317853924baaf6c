"""The section ``rollout``: which parts a node is told to be guarded, and canaries that exist."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from picloud.cloud import Cloud
from picloud.faults import Fault
from picloud.store import Store

Texts = dict[str, str]


def test_a_view_names_the_guarded_parts_of_its_node(
    tiny: Texts, cloud: Callable[[], Cloud]
) -> None:
    assert "guarded" not in cloud().view("pi0")
    tiny["rollout.sls"] = "rollout: {parts: [docker, salt_minion]}\n"
    view = cloud().view("pi0")
    assert view["guarded"] == [part for part in view["parts"] if part in ("docker", "salt_minion")]


@pytest.mark.parametrize(
    ("canaries", "expected"),
    [
        ("[pi0]", []),
        ("[pi0, p1]", ['rollout.canaries.1: "p1" is no node; did you mean "pi1"?']),
    ],
)
def test_canaries_are_nodes(
    tiny: Texts, faults: Callable[[], tuple[Fault, ...]], canaries: str, expected: list[str]
) -> None:
    tiny["rollout.sls"] = f"rollout:\n  canaries: {canaries}\n"
    assert [f"{fault.path}: {fault.problem}; {fault.remedy}" for fault in faults()] == expected


def test_the_register_has_policy_and_ids_without_the_whole_cloud(
    tiny: Texts, tmp_path: Path
) -> None:
    tiny["rollout.sls"] = "rollout: {parts: [docker], canaries: [pi1]}\n"
    for name, text in tiny.items():
        file = tmp_path / "cloud" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    register, found = Store(tmp_path / "cloud", tmp_path / "kept" / "description.db").register()
    assert register is not None, found
    assert register.rollout.parts == ("docker",)
    assert register.rollout.canaries == ("pi1",)
    assert {"pi0", "pi1"} <= set(register.ids())
