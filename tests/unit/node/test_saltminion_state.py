"""Salt's configuration and version change after the job, and what was put back is told."""

from unittest.mock import create_autospec, patch

import pytest
from salt.exceptions import CommandExecutionError

from _modules import saltminion as saltminion_mod
from _states import saltminion

IMAGE_FILE = "# as the image brought it\nrejected_retry: true\n"


class Minion:
    """A minion with a plan, a link and a running version."""

    def __init__(self):
        self.plan, self.link, self.switching, self.built = {}, "3008.3", False, []

    def schedule(self, link=None, config=None, timeout=180):
        self.plan = {"state": "pending", "link": link, "config": config, "timeout": timeout}

    def ended(self, state):
        self.plan.update(state=state, at="2026-11-21 00:00:00 UTC", service="salt-minion")


@pytest.fixture
def minion():
    return Minion()


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "minion.d/picloud.conf"
    path.parent.mkdir()
    path.write_text(IMAGE_FILE)
    return path


@pytest.fixture
def configure_loader_modules(minion, files, tmp_path):
    def spec(name, effect):
        function = getattr(saltminion_mod, name)
        return {f"saltminion.{name}": create_autospec(function, side_effect=effect)}

    keep = str(tmp_path / "originals")
    salt = {
        **files,
        "pifile.write": lambda group, what: files["pifile.write"](group, what, keep=keep),
        "pifile.restore": lambda group: files["pifile.restore"](group, keep=keep),
        "pifile.originals": lambda group: files["pifile.originals"](group, keep=keep),
        **spec("plan", lambda *_args: minion.plan),
        **spec("schedule", minion.schedule),
        **spec("is_switching", lambda: minion.switching),
        **spec("linked", lambda prefix: minion.link),
        **spec("is_laid_out", lambda prefix: True),
        **spec("build", lambda version, prefix: minion.built.append(version)),
        **spec("relink", lambda version, prefix: setattr(minion, "link", version)),
    }
    opts = {"test": False, "rejected_retry": True, "random_reauth_delay": 10}
    grains = {"saltversion": "3008.3"}
    return {saltminion: {"__opts__": opts, "__salt__": salt, "__grains__": grains}}


@pytest.fixture(params=[False, True], ids=["apply", "test"])
def testmode(request):
    with patch.dict(saltminion.__opts__, {"test": request.param}):
        yield request.param


@pytest.fixture
def configured(config_file):
    return lambda **config: saltminion.configured("x", config, 30, str(config_file))


def test_a_new_value_restarts_after_the_job(minion, configured, config_file, testmode):
    ret = configured(random_reauth_delay=60)
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"]["restart"] == {"old": "", "new": "pending"}
    if testmode:
        assert config_file.read_text() == IMAGE_FILE
        assert minion.plan == {}
    else:
        assert config_file.read_text().endswith("random_reauth_delay: 60\n")
        assert minion.plan["config"]["old"] == IMAGE_FILE
        minion.ended("done")
        assert configured(random_reauth_delay=60)["changes"] == {}


def test_a_file_of_ours_whose_values_the_minion_has_needs_no_restart(minion, configured, testmode):
    with patch.dict(saltminion.__opts__, {"test": False, "random_reauth_delay": 60}):
        configured(random_reauth_delay=60)
        minion.plan = {}
    ret = configured(random_reauth_delay=10, rejected_retry=True)
    assert "restart" not in ret["changes"]
    assert minion.plan == {}
    assert "no restart" in ret["comment"]


def test_the_images_file_is_replaced_without_a_restart(minion, configured, config_file):
    config_file.write_text("# why\n\nrejected_retry: true\n\nrandom_reauth_delay: 10  # s\n")
    assert "restart" not in configured(random_reauth_delay=10, rejected_retry=True)["changes"]
    assert minion.plan == {}
    assert "restart" in configured(rejected_retry=True)["changes"]


@pytest.mark.parametrize("text", ["rejected_retry: [", "- a list\n", "words"])
def test_a_file_that_no_minion_could_read_restarts(configured, config_file, text):
    config_file.write_text(text)
    assert "restart" in configured(rejected_retry=True)["changes"]


def test_a_value_taken_away_restarts(minion, configured):
    configured(rejected_retry=True, random_reauth_delay=10)
    minion.plan = {}
    assert "restart" in configured(rejected_retry=True)["changes"]


def test_the_cards_options_are_refused(configured, config_file, testmode):
    ret = configured(master="elsewhere", rejected_retry=True)
    assert ret["result"] is False
    assert "master cannot be set" in ret["comment"]
    assert config_file.read_text() == IMAGE_FILE


def test_a_configuration_put_back_is_told_and_not_tried_again(
    minion, configured, config_file, testmode
):
    with patch.dict(saltminion.__opts__, {"test": False}):
        configured(random_reauth_delay=60)
    minion.ended("put back")
    config_file.write_text(IMAGE_FILE)
    ret = configured(random_reauth_delay=60)
    assert ret["result"] is False
    assert "did not reach the master within 30 s" in ret["comment"]
    assert config_file.read_text() == IMAGE_FILE
    assert configured(random_reauth_delay=30)["result"] is (None if testmode else True)


def test_a_master_that_was_away_does_not_stop_another_try(minion, configured, config_file):
    configured(random_reauth_delay=60)
    minion.ended("master away")
    config_file.write_text(IMAGE_FILE)
    assert configured(random_reauth_delay=60)["result"] is True


def test_a_restart_cut_short_is_started_again(minion, configured, testmode):
    with patch.dict(saltminion.__opts__, {"test": False}):
        configured(random_reauth_delay=60)
    ret = configured(random_reauth_delay=60)
    assert ret["changes"] == {"restart": {"old": "cut short", "new": "pending"}}
    minion.switching = True
    assert configured(random_reauth_delay=60)["changes"] == {}


def test_absent_gives_back_what_the_image_had(minion, configured, config_file, testmode):
    with patch.dict(saltminion.__opts__, {"test": False}):
        configured(random_reauth_delay=60)
    minion.plan = {}
    ret = saltminion.unconfigured("x", 30, str(config_file))
    assert ret["result"] is (None if testmode else True)
    assert (config_file.read_text() == IMAGE_FILE) is not testmode
    assert bool(minion.plan) is not testmode
    if not testmode:
        minion.ended("done")
        assert saltminion.unconfigured("x", 30, str(config_file))["changes"] == {}


def test_the_running_version_is_no_change(minion, testmode):
    ret = saltminion.version("3008.3")
    assert ret["result"] is True
    assert ret["changes"] == {}


def test_another_version_is_built_and_takes_over_after_the_job(minion, testmode):
    ret = saltminion.version("3008.4", 30)
    assert ret["result"] is (None if testmode else True)
    assert ret["changes"] == {"salt": {"old": "3008.3", "new": "3008.4"}}
    assert minion.built == ([] if testmode else ["3008.4"])
    if not testmode:
        move = {"path": "/opt/picloud/salt", "old": "salt-3008.3", "new": "salt-3008.4"}
        assert minion.plan["link"] == move


def test_while_the_change_is_pending_nothing_is_done_twice(minion):
    saltminion.version("3008.4")
    minion.switching = True
    ret = saltminion.version("3008.4")
    assert ret["result"] is True
    assert ret["changes"] == {}
    assert minion.built == ["3008.4"]


def test_an_upgrade_that_worked_is_told(minion):
    saltminion.version("3008.4")
    minion.ended("done")
    minion.link = "3008.4"
    with patch.dict(saltminion.__grains__, {"saltversion": "3008.4"}):
        ret = saltminion.version("3008.4")
    assert ret["changes"] == {}
    assert "took over from salt-3008.3" in ret["comment"]


def test_a_version_put_back_is_told_and_not_tried_again(minion, testmode):
    with patch.dict(saltminion.__opts__, {"test": False}):
        saltminion.version("3008.4", 30)
    minion.ended("put back")
    ret = saltminion.version("3008.4", 30)
    assert ret["result"] is False
    assert "Salt 3008.4 was put back (2026-11-21" in ret["comment"]
    assert "saltminion.forget" in ret["comment"]
    assert minion.built == ["3008.4"]


def test_a_link_turned_by_hand_is_turned_back(minion, testmode):
    minion.link = "3007.1"
    ret = saltminion.version("3008.3")
    assert ret["result"] is (None if testmode else True)
    assert minion.link == ("3007.1" if testmode else "3008.3")


def test_a_minion_from_elsewhere_is_left_alone(minion, testmode):
    minion.link = None
    ret = saltminion.version("3008.4")
    assert ret["result"] is False
    assert "upgrade it by hand" in ret["comment"]
    assert saltminion.version("3008.3")["result"] is True


def test_a_build_that_fails_changes_nothing(minion):
    broken = create_autospec(saltminion_mod.build, side_effect=CommandExecutionError("no wheel"))
    with patch.dict(saltminion.__salt__, {"saltminion.build": broken}):
        ret = saltminion.version("3008.4")
    assert ret == {"name": "3008.4", "result": False, "changes": {}, "comment": "no wheel"}
    assert minion.plan == {}
