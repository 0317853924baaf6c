"""The boot files: foreign lines and words stay, ours come and go."""

import json

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError

from _modules import piboot

OTHERS = "# my Pi\r\ngpu_mem=64\n\n[pi4]\narm_boost=1\n[all]\ndtparam=audio=on"
LINE = "console=serial0,115200 root=PARTUUID=1-02 rootwait cgroup_disable=memory"


@pytest.fixture
def configure_loader_modules():
    return {piboot: {}}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.txt"
    path.write_bytes(OTHERS.encode())
    return path


@pytest.fixture
def cmdline(tmp_path):
    path = tmp_path / "cmdline.txt"
    path.write_text(f"{LINE}\n")
    return path


@pytest.fixture
def record(tmp_path):
    return tmp_path / "record.json"


def put_config(path, options):
    old, new = piboot.config_text(options, path)
    if old != new:
        piboot.write(path, new)
    return old != new


def put_cmdline(add, drop, path, record):
    plan = piboot.cmdline_plan(add, drop, path, record)
    if plan["old"] != plan["new"]:
        piboot.write_cmdline(plan["new"], plan["record"], path, record)
    return plan["old"] != plan["new"]


def test_block_goes_to_the_end_and_foreign_lines_stay(config):
    assert put_config(config, {"gpu_mem": 16, "enable_uart": True, "dtparam": ["i2c=on", "spi=on"]})
    text = config.read_bytes().decode()
    assert text.startswith(OTHERS)
    assert text.splitlines()[-7:] == [
        piboot.BEGIN,
        "[all]",
        "gpu_mem=16",
        "enable_uart=1",
        "dtparam=i2c=on",
        "dtparam=spi=on",
        piboot.END,
    ]
    assert piboot.config_block(config)[0] == "gpu_mem=16"


def test_written_once_then_left_alone(config):
    assert put_config(config, {"gpu_mem": 16})
    assert not put_config(config, {"gpu_mem": 16})
    assert put_config(config, {"gpu_mem": 32})
    assert config.read_text().count(piboot.BEGIN) == 1


def test_without_options_the_file_is_what_others_made_of_it(config):
    put_config(config, {"gpu_mem": 16})
    assert put_config(config, {})
    assert config.read_bytes().decode() == OTHERS + "\n"
    assert not put_config(config, {})


def test_later_lines_of_others_are_put_before_the_block(config):
    put_config(config, {"gpu_mem": 16})
    with config.open("a") as handle:
        handle.write("gpu_mem=128\n")
    assert put_config(config, {"gpu_mem": 16})
    lines = config.read_text().splitlines()
    assert lines.index("gpu_mem=128") < lines.index(piboot.BEGIN)


def test_lines_added_after_the_block_keep_their_section(tmp_path):
    path = tmp_path / "config.txt"
    path.write_text("[pi4]\narm_boost=1\n")
    put_config(path, {"gpu_mem": 16})
    with path.open("a") as handle:
        handle.write("enable_uart=1\n[pi5]\nusb_max_current_enable=1\n")
    put_config(path, {})
    assert path.read_text() == (
        "[pi4]\narm_boost=1\n[all]\nenable_uart=1\n[pi5]\nusb_max_current_enable=1\n"
    )


def test_lost_end_mark_loses_no_line(config):
    put_config(config, {"gpu_mem": 16})
    config.write_text(config.read_text().replace(piboot.END + "\n", "enable_uart=1\n"))
    put_config(config, {"gpu_mem": 32})
    lines = config.read_text().splitlines()
    assert "enable_uart=1" in lines
    assert lines[-3:] == ["[all]", "gpu_mem=32", piboot.END]
    assert not put_config(config, {"gpu_mem": 32})


def test_config_may_be_missing_but_its_folder_not(tmp_path):
    assert put_config(tmp_path / "config.txt", {"gpu_mem": 16})
    with pytest.raises(CommandExecutionError, match=r"boot\.directory"):
        piboot.config_text({"gpu_mem": 16}, tmp_path / "none/config.txt")
    assert piboot.config_text({}, tmp_path / "none/config.txt") == ["", ""]


def test_a_line_the_firmware_would_cut_is_refused(config):
    with pytest.raises(SaltInvocationError, match="98 characters"):
        piboot.config_text({"dtoverlay": "x" * 90}, config)
    with pytest.raises(SaltInvocationError, match="one line"):
        piboot.config_text({"gpu_mem": "16\narm_freq=2000"}, config)


def test_one_backup_is_kept(config):
    for size in (16, 32, 64):
        put_config(config, {"gpu_mem": size})
    assert sorted(path.name for path in config.parent.iterdir()) == ["config.txt", "config.txt.bak"]
    assert "gpu_mem=32" in config.with_name("config.txt.bak").read_text()


def test_a_failed_write_leaves_the_old_file(config, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(piboot.os, "replace", refuse)
    with pytest.raises(CommandExecutionError, match="No space left"):
        piboot.write(config, "gpu_mem=16\n")
    assert [path.name for path in config.parent.iterdir()] == ["config.txt"]
    assert config.read_bytes().decode() == OTHERS


def test_words_are_added_and_dropped(cmdline, record):
    assert put_cmdline(["cgroup_memory=1"], ["cgroup_disable=memory"], cmdline, record)
    assert cmdline.read_text() == (
        "console=serial0,115200 root=PARTUUID=1-02 rootwait cgroup_memory=1\n"
    )
    assert not put_cmdline(["cgroup_memory=1"], ["cgroup_disable=memory"], cmdline, record)


def test_words_go_and_come_back(cmdline, record):
    put_cmdline(["cgroup_memory=1", "quiet"], ["cgroup_disable=memory"], cmdline, record)
    assert put_cmdline(["quiet"], ["cgroup_disable=memory"], cmdline, record)
    assert cmdline.read_text().split()[-2:] == ["rootwait", "quiet"]
    assert put_cmdline([], [], cmdline, record)
    assert cmdline.read_text() == f"{LINE}\n"
    assert not record.exists()
    assert not put_cmdline([], [], cmdline, record)


def test_a_word_of_others_stays_theirs(cmdline, record):
    assert not put_cmdline(["rootwait"], [], cmdline, record)
    put_cmdline(["rootwait", "quiet"], [], cmdline, record)
    assert json.loads(record.read_text()) == {"added": ["quiet"], "removed": []}
    put_cmdline([], [], cmdline, record)
    assert cmdline.read_text() == f"{LINE}\n"


def test_cut_between_record_and_file_heals(cmdline, record):
    record.write_text(json.dumps({"added": ["quiet"], "removed": []}))
    assert put_cmdline(["quiet"], [], cmdline, record)
    put_cmdline([], [], cmdline, record)
    assert cmdline.read_text() == f"{LINE}\n"


def test_missing_cmdline_is_an_error_unless_nothing_is_wanted(tmp_path, record):
    with pytest.raises(CommandExecutionError, match=r"cmdline\.txt"):
        piboot.cmdline_plan(["quiet"], [], tmp_path / "cmdline.txt", record)
    assert piboot.cmdline_plan([], [], tmp_path / "cmdline.txt", record)["new"] == ""


@pytest.mark.parametrize("word", ["two words", "", "line\n"])
def test_only_single_words(cmdline, record, word):
    if word == "line\n":
        word = "line\nbreak"
    with pytest.raises(SaltInvocationError, match="one word"):
        piboot.cmdline_plan([word], [], cmdline, record)


@pytest.mark.parametrize(
    ("options", "limits"),
    [
        ({}, {}),
        ({"gpu_mem": 16, "arm_boost": 1}, {}),
        ({"arm_freq": 1000}, {"arm_freq": 1000}),
        ({"arm_freq": "900", "over_voltage": -2}, {"arm_freq": 1000, "over_voltage": 6}),
        ({"arm_freq_min": 600}, {}),
    ],
)
def test_overclock_within_limits(options, limits):
    assert piboot.check_overclock(options, limits) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"arm_freq": 1001}, "arm_freq=1001 is over the limit of 1000"),
        ({"gpu_freq": 500}, "gpu_freq=500 has no declared limit"),
        ({"force_turbo": 1}, "force_turbo=1 has no declared limit"),
        ({"over_voltage": "high"}, "over_voltage=high is not a whole number"),
    ],
)
def test_overclock_beyond_is_refused_with_the_way_out(options, said):
    with pytest.raises(SaltInvocationError) as caught:
        piboot.check_overclock(options, {"arm_freq": 1000, "over_voltage": 6}, "pi1b")
    assert said in str(caught.value)
    assert "boards.pi1b.max_overclock" in str(caught.value)
