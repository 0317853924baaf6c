"""First boot, run on a made-up root: identity in, seed gone, nothing guessed, any power loss."""

import contextlib
import errno
import importlib.machinery
import importlib.util
import json
import stat

import pytest
from picloud import cards

from tests.unit.cards.office import office


@pytest.fixture(scope="module")
def firstboot(repo):
    path = str(repo / "firstboot" / "picloud-firstboot")
    loader = importlib.machinery.SourceFileLoader("picloud_firstboot", path)
    loader_spec = importlib.util.spec_from_loader(loader.name, loader)
    module = importlib.util.module_from_spec(loader_spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def root(tmp_path):
    """The root of a freshly written card."""
    (tmp_path / "etc/ssh").mkdir(parents=True)
    (tmp_path / "etc/ssh/ssh_host_rsa_key").write_text("the image's")
    (tmp_path / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (tmp_path / "etc/machine-id").write_text("")
    (tmp_path / "boot/firmware").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def seed(root, tmp_path_factory):
    made = office(tmp_path_factory.mktemp("seeds") / "seeds").prepare("pi2")[0].seed
    return made.rename(root / "boot/firmware/picloud-seed")


def text(root, name):
    return (root / name).read_text()


def test_the_identity_is_installed_and_the_seed_is_gone(firstboot, root, seed):
    assert firstboot.run(root).endswith("is pi2, its master is head.pi.example")
    key = root / "etc/salt/pki/minion/minion.pem"
    assert key.read_text() == "private 1\n"
    assert stat.S_IMODE(key.stat().st_mode) == 0o400
    assert text(root, "etc/salt/pki/minion/minion.pub") == "public 1\n"
    assert text(root, "etc/salt/pki/minion/minion_master.pub") == "master\n"
    assert "id: pi2\nmaster: head.pi.example\n" in text(root, "etc/salt/minion.d/00-card.conf")
    assert text(root, "etc/hosts") == "127.0.0.1 localhost\n10.80.0.2 head.pi.example\n"
    assert json.loads(text(root, "etc/picloud/card.json"))["node"] == "pi2"
    assert text(root, "var/cache/salt/minion/extmods/modules/pirejoin.py") == "# asks\n"
    assert text(root, "var/cache/salt/minion/extmods/grains/pi.py") == "# tells\n"
    assert not seed.exists()
    assert [path.name for path in (root / "boot/firmware").iterdir()] == ["picloud-card.json"]


def test_no_private_half_is_left_on_the_boot_partition(firstboot, root, seed):
    firstboot.run(root)
    for path in (root / "boot").rglob("*"):
        assert path.is_dir() or b"private" not in path.read_bytes()


def test_what_images_share_is_made_anew(firstboot, root, seed):
    firstboot.run(root)
    assert not (root / "etc/ssh/ssh_host_rsa_key").exists()
    assert len(text(root, "etc/machine-id").strip()) == 32


def test_the_next_boot_changes_nothing(firstboot, root, seed):
    firstboot.run(root)
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*") if p.is_file()}
    assert firstboot.run(root) == "this card has its identity already"
    assert before == {p: p.stat().st_mtime_ns for p in root.rglob("*") if p.is_file()}


def test_no_seed_fails_with_what_to_do(firstboot, root, capsys):
    assert firstboot.main(["--root", str(root)]) == 1
    said = capsys.readouterr().err
    assert "no seed in" in said
    assert "will not guess" in said
    assert "salt-run card.prepare node=<id> (or spare=true)" in said
    assert not (root / "etc/salt/pki/minion/minion.pem").exists()


@pytest.mark.usefixtures("seed")
@pytest.mark.parametrize("booted", [False, True])
def test_a_missing_boot_partition_is_named_and_nothing_guessed(firstboot, root, capsys, booted):
    if booted:
        firstboot.run(root)
    (root / "etc/fstab").write_text(
        "# /dev/x /boot/firmware\nLABEL=boot\t/boot/firmware vfat 0 2\n"
    )
    assert firstboot.main(["--root", str(root)]) == 1
    said = capsys.readouterr().err
    assert f"/etc/fstab names {root}/boot/firmware, but it is not mounted" in said
    assert "See dmesg" in said
    assert "card.prepare" not in said


@pytest.mark.usefixtures("seed")
@pytest.mark.parametrize("mounted", [False, True])
def test_a_boot_partition_that_is_there_is_used(firstboot, root, monkeypatch, mounted):
    fstab = "LABEL=boot /boot/firmware vfat" if mounted else "LABEL=root / ext4\n#a /boot/firmware"
    (root / "etc/fstab").write_text(fstab)
    monkeypatch.setattr(firstboot.os.path, "ismount", lambda path: mounted)
    assert "is pi2" in firstboot.run(root)


@pytest.mark.parametrize(
    "name", ["minion.pem", "minion.pub", "master.pub", "card.json", "modules.json", "SHA256SUMS"]
)
@pytest.mark.parametrize("harm", ["missing", "cut", "empty", "binary"])
def test_a_damaged_seed_installs_nothing(firstboot, root, seed, name, harm):
    path = seed / name
    data = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes({"cut": data[: len(data) // 2], "empty": b"", "binary": b"\xff\0"}[harm])
    with pytest.raises(firstboot.SeedError):
        firstboot.run(root)
    assert not (root / "etc/salt").exists()
    assert seed.exists()


def sealed(seed, **changed):
    """Write files of a seed anew, and the checksums that belong to them."""
    files = {path.name: path.read_text() for path in seed.iterdir() if path.name != "SHA256SUMS"}
    files |= changed
    for name, content in {**files, "SHA256SUMS": cards._sums(files)}.items():
        (seed / name).write_text(content)


@pytest.mark.parametrize("node", ["../../etc", "pi 3", "pi*", "", "-pi", "PI3\n"])
def test_an_id_that_is_none_is_refused(firstboot, root, seed, node):
    card = json.loads((seed / "card.json").read_text()) | {"node": node}
    sealed(seed, **{"card.json": json.dumps(card)})
    with pytest.raises(firstboot.SeedError, match="names no valid node"):
        firstboot.run(root)


@pytest.mark.parametrize(
    "name", ["modules/../../../etc/x.py", "/etc/x.py", "modules/x", "beacons/x.py", "modules//x.py"]
)
def test_a_module_that_is_none_is_refused(firstboot, root, seed, name):
    sealed(seed, **{"modules.json": json.dumps({name: ""})})
    with pytest.raises(firstboot.SeedError, match="which is no module"):
        firstboot.run(root)
    assert not (root / "etc/salt").exists()


def test_a_seed_without_modules_is_good(firstboot, root, seed):
    (seed / "modules.json").unlink()
    sealed(seed)
    assert "is pi2" in firstboot.run(root)
    assert not (root / "var").exists()


def test_a_damaged_seed_of_another_card_is_kept_and_named(firstboot, root, seed, tmp_path_factory):
    firstboot.run(root)
    other = office(tmp_path_factory.mktemp("seeds") / "seeds").prepare("pi1")[0].seed
    other.rename(seed)
    (seed / "minion.pub").unlink()
    with pytest.raises(firstboot.SeedError, match="incomplete or damaged"):
        firstboot.run(root)
    assert (seed / "minion.pem").exists()
    assert json.loads(text(root, "etc/picloud/card.json"))["node"] == "pi2"


@pytest.mark.usefixtures("seed")
@pytest.mark.parametrize(
    "fault",
    [
        ("os.replace", OSError(errno.ENOSPC, "No space left on device"), "No space left"),
        ("Path.unlink", OSError(errno.EROFS, "Read-only file system"), "Read-only file system"),
        ("os.open", PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
    ],
)
def test_a_card_that_cannot_be_written_says_so(firstboot, root, monkeypatch, capsys, fault):
    where, error, words = fault

    def fail(*args, **kwargs):
        raise error

    with monkeypatch.context() as patched:
        owner, name = where.split(".")
        patched.setattr(getattr(firstboot, owner), name, fail)
        assert firstboot.main(["--root", str(root)]) == 1
    said = capsys.readouterr().err
    assert "the identity was not installed wholly" in said
    assert words in said
    assert "salt-minion stays off" in said
    assert "Traceback" not in said
    assert firstboot.main(["--root", str(root)]) == 0
    assert not (root / "boot/firmware/picloud-seed").exists()


class PowerLoss(Exception):
    """The supply went away."""


@pytest.mark.parametrize("calls", range(1, 16))
def test_cut_off_anywhere_it_ends_well_at_the_next_boot(firstboot, root, seed, calls, monkeypatch):
    """The power goes at the n-th change of the disk; then the Pi boots again."""
    left = iter(range(calls))

    def until_power_loss(real):
        def wrapped(*args, **kwargs):
            if next(left, None) is None:
                raise PowerLoss
            return real(*args, **kwargs)

        return wrapped

    with monkeypatch.context() as patched, contextlib.suppress(PowerLoss):
        patched.setattr(firstboot.os, "replace", until_power_loss(firstboot.os.replace))
        patched.setattr(firstboot.Path, "unlink", until_power_loss(firstboot.Path.unlink))
        patched.setattr(firstboot.Path, "rmdir", until_power_loss(firstboot.Path.rmdir))
        firstboot.run(root)
    firstboot.run(root)
    assert text(root, "etc/salt/pki/minion/minion.pem") == "private 1\n"
    assert json.loads(text(root, "etc/picloud/card.json"))["node"] == "pi2"
    assert not seed.exists()


def test_a_spare_goes_by_the_id_of_its_card(firstboot, root, tmp_path_factory):
    (card,) = office(tmp_path_factory.mktemp("seeds") / "seeds").prepare(None)
    card.seed.rename(root / "boot/firmware/picloud-seed")
    assert firstboot.run(root) == f"card {card.card} is a spare, its master is head.pi.example"
    assert f"id: {card.card}\n" in text(root, "etc/salt/minion.d/00-card.conf")
    assert text(root, "etc/salt/minion_id") == card.card
    label = {"card": card.card, "node": None}
    assert json.loads(text(root, "etc/picloud/card.json")) == label
