"""Salt on a node is upgraded and goes back, and the node stays at the master all the while."""

import zipfile
from pathlib import Path

from lab.apart import Apart

NODE = "pi2"
NEW = "3008.97"


def repack(wheel: Path, old: str, new: str) -> None:
    """Make a wheel of another version out of a wheel, the program in it unchanged."""
    target = wheel.with_name(wheel.name.replace(old, new, 1))
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w") as made:
        for item in source.infolist():
            data = source.read(item)
            if item.filename.endswith(
                (".dist-info/METADATA", ".dist-info/RECORD", "/_version.txt")
            ):
                data = data.replace(old.encode(), new.encode())
            made.writestr(item.filename.replace(f"-{old}.dist-info", f"-{new}.dist-info"), data)


def switch(lab: Apart, new: str) -> None:
    """Apply the highstate and wait until the node runs another version of Salt."""
    states = lab.salt(NODE, "state.highstate", "queue=True", timeout=900)
    assert isinstance(states, dict), states
    assert {s["__id__"] for s in states.values() if s["changes"]} == {"salt_minion-version"}
    assert all(state["result"] for state in states.values()), states
    lab.wait(
        f"{NODE} runs Salt {new}",
        lambda: lab.salt(NODE, "test.version", timeout=10) == new,
        300,
    )
    lab.wait(
        "the switch is done",
        lambda: (lab.salt(NODE, "saltminion.plan", timeout=10) or {}).get("state") == "done",
        120,
    )


def test_salt_is_upgraded_and_goes_back(lab: Apart):
    old = lab.salt(NODE, "test.version")
    wheels = lab.checkout / "salt" / "salt_minion" / "wheels"
    repack(next(wheels.glob(f"salt-{old}-*.whl")), old, NEW)
    setting = lab.checkout / "pillar" / "cloud" / "salt_minion.sls"
    sound = setting.read_text()
    try:
        setting.write_text(sound.replace(f'"{old}"', f'"{NEW}"'))
        assert setting.read_text() != sound
        switch(lab, NEW)
    finally:
        setting.write_text(sound)
        next(wheels.glob(f"salt-{NEW}-*.whl")).unlink(missing_ok=True)
    switch(lab, old)
    states = lab.salt(NODE, "state.highstate", "queue=True")
    assert not [state["__id__"] for state in states.values() if state["changes"]]
