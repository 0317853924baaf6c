"""The states piboard.*: compare, test mode, one write, a reboot asked for."""

from unittest.mock import create_autospec, patch

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError

from _modules import piboard as piboard_mod
from _modules import piboot
from _states import piboard

PATH = "/boot/firmware/config.txt"


@pytest.fixture
def configure_loader_modules():
    return {piboard: {"__opts__": {"test": False}, "__salt__": {}}}


@pytest.fixture(params=[False, True], ids=["apply", "test"])
def testmode(request):
    with patch.dict(piboard.__opts__, {"test": request.param}):
        yield request.param


@pytest.fixture
def salt():
    """The modules with real signatures, over one text in memory."""
    texts = {"now": "old\n"}
    mocks = {
        "piboot.check_overclock": create_autospec(piboot.check_overclock, return_value=None),
        "piboot.config_text": create_autospec(
            piboot.config_text,
            side_effect=lambda options, path: [texts["now"], "new\n" if options else "old\n"],
        ),
        "piboot.cmdline_plan": create_autospec(
            piboot.cmdline_plan,
            side_effect=lambda words, drop, path, record: {
                "old": texts["now"],
                "new": "new\n" if words else "old\n",
                "record": {"added": list(words), "removed": []},
            },
        ),
        "piboot.diff": create_autospec(piboot.diff, return_value="-old\n+new"),
        "piboot.write": create_autospec(
            piboot.write, side_effect=lambda path, text: texts.update(now=text)
        ),
        "piboot.write_cmdline": create_autospec(
            piboot.write_cmdline,
            side_effect=lambda text, noted, path, record: texts.update(now=text),
        ),
        "piboard.need_reboot": create_autospec(piboard_mod.need_reboot),
    }
    with patch.dict(piboard.__salt__, mocks):
        yield mocks


CASES = [
    pytest.param(
        lambda: piboard.config(PATH, {"gpu_mem": 16}),
        lambda: piboard.config_absent(PATH),
        id="config",
    ),
    pytest.param(
        lambda: piboard.cmdline(PATH, ["quiet"]), lambda: piboard.cmdline_absent(PATH), id="cmdline"
    ),
]


@pytest.mark.parametrize(("present", "absent"), CASES)
def test_a_change_is_written_and_asks_for_a_reboot(salt, testmode, present, absent):
    ret = present()
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"diff": "-old\n+new"}
    written = salt["piboot.write"].called or salt["piboot.write_cmdline"].called
    assert written is not testmode
    assert salt["piboard.need_reboot"].called is not testmode


@pytest.mark.parametrize(("present", "absent"), CASES)
def test_nothing_to_do_asks_for_nothing(salt, testmode, present, absent):
    ret = absent()
    assert (ret["result"], ret["changes"]) == (True, {})
    assert not salt["piboard.need_reboot"].called


@pytest.mark.parametrize(("present", "absent"), CASES)
def test_present_then_absent(salt, present, absent):
    assert present()["changes"]
    assert not present()["changes"]
    assert absent()["changes"]
    assert not absent()["changes"]


@pytest.mark.parametrize(("present", "absent"), CASES)
def test_a_failed_write_has_no_changes(salt, present, absent):
    for name in ("piboot.write", "piboot.write_cmdline"):
        salt[name].side_effect = CommandExecutionError("No space left on device")
    ret = present()
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "No space left" in ret["comment"]
    assert not salt["piboard.need_reboot"].called


@pytest.mark.parametrize(("present", "absent"), CASES)
def test_a_text_that_does_not_stay_is_a_failure(salt, present, absent):
    for name in ("piboot.write", "piboot.write_cmdline"):
        salt[name].side_effect = None
    ret = present()
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "did not keep" in ret["comment"]


def test_overclock_is_checked_before_anything_is_read(salt, testmode):
    salt["piboot.check_overclock"].side_effect = SaltInvocationError("arm_freq=2000 is over")
    ret = piboard.config(PATH, {"arm_freq": 2000}, {"arm_freq": 1000}, "pi1b")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == "arm_freq=2000 is over"
    assert not salt["piboot.config_text"].called


def test_virtual_needs_the_modules(salt):
    assert piboard.__virtual__() == "piboard"
    with patch.dict(piboard.__salt__, clear=True):
        assert piboard.__virtual__()[0] is False
