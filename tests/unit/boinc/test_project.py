"""Which project a secret names, what BOINC's files say, and what is left of them."""

import stat
from xml.etree import ElementTree

import pytest
from picloud_boinc import preferences, start
from picloud_boinc.preferences import Preferences, PreferencesError
from picloud_boinc.project import Project, ProjectError, is_same, project

KEY = "1234567_0123456789abcdef0123456789abcdef"
ONE = Project("https://einsteinathome.org/", KEY)
OTHER = Project("http://universeathome.pl/universe/", KEY)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("none\n", None),
        (f"https://einsteinathome.org/ {KEY}", ONE),
        (f"https://einsteinathome.org\n{KEY}\n", ONE),
        (f"http://universeathome.pl/universe/ {KEY}", OTHER),
    ],
)
def test_a_secret_names_a_project_or_none(text, wanted):
    assert project(text) == wanted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the secret has 0 words"),
        ("https://einsteinathome.org/", "the secret has 1 words"),
        (f"einsteinathome.org {KEY}", "the first word is no http:// or https:// URL"),
        (f"file:///etc/passwd {KEY}", "the first word is no http:// or https:// URL"),
        (f"https:// {KEY}", "the first word is no http:// or https:// URL"),
        (f"https://[ {KEY}", "the first word is no http:// or https:// URL"),
        (f"https://me:pw@a.org/ {KEY}", "the first word is no http:// or https:// URL"),
        ("https://a.org/ short", "the second word is no account key"),
        ("a.org <key>", "URL of a project; the second word is no account key"),
    ],
)
def test_anything_else_is_refused_and_the_key_is_not_shown(text, reason):
    with pytest.raises(ProjectError) as caught:
        project(text)
    assert reason in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (ONE, "account_einsteinathome.org.xml"),
        (OTHER, "account_universeathome.pl_universe.xml"),
        (Project("http://a.org:8080/x~y/", KEY), "account_a.org_8080_x_y.xml"),
    ],
)
def test_the_account_file_is_named_as_boinc_names_it(made, name):
    assert made.file == name


def test_what_boinc_adds_to_an_account_file_is_kept(tmp_path):
    path = tmp_path / ONE.file
    start.attach(tmp_path, ONE)
    root = ElementTree.fromstring(path.read_text())
    assert root.findtext("master_url") == ONE.url
    assert root.findtext("authenticator") == KEY
    added = path.read_text().replace("</account>", "<project_name>E</project_name></account>")
    path.write_text(added)
    start.attach(tmp_path, ONE)
    assert path.read_text() == added
    start.attach(tmp_path, ONE._replace(key="x" * 32))
    assert "project_name" not in path.read_text()
    assert is_same(path.read_text(), ONE._replace(key="x" * 32))


@pytest.mark.parametrize(("wanted", "left"), [(OTHER, [OTHER.file]), (None, [])])
def test_another_project_takes_the_place_of_the_first(tmp_path, wanted, left):
    (tmp_path / "client_state.xml").write_text("<client_state/>")
    start.attach(tmp_path, ONE)
    start.attach(tmp_path, wanted)
    assert sorted(path.name for path in tmp_path.iterdir()) == [*left, "client_state.xml"]


def test_a_folder_as_debian_has_it_is_made_safe_once(tmp_path):
    shared = tmp_path / "etc"
    shared.write_text("")
    folder = tmp_path / "data"
    folder.mkdir()
    for name in (start.PASSWORD, "cc_config.xml", "global_prefs_override.xml"):
        (folder / name).symlink_to(shared)
    start.prepare(folder, None, {"CPUS": "2", "MEMORY_MB": "128"}, 512.0)
    password = folder / start.PASSWORD
    first = password.read_text()
    assert len(first.strip()) == 32
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert shared.read_text() == ""
    config = ElementTree.fromstring((folder / "cc_config.xml").read_text())
    assert config.findtext("options/ncpus") == "2"
    prefs = ElementTree.fromstring((folder / "global_prefs_override.xml").read_text())
    assert prefs.findtext("suspend_cpu_usage") == "0"
    assert prefs.findtext("ram_max_used_busy_pct") == "25.000"
    start.prepare(folder, None, {}, 512.0)
    assert password.read_text() == first


def test_no_more_than_all_memory_is_taken():
    assert "<ram_max_used_busy_pct>100.000<" in preferences.override(Preferences(1, 999, 1), 256)


def test_all_faults_of_the_environment_are_named_together():
    with pytest.raises(PreferencesError) as caught:
        preferences.preferences({"CPUS": "0", "MEMORY_MB": "much", "DISK_GB": "-1"})
    lines = str(caught.value).splitlines()
    assert [line.split()[0] for line in lines] == ["CPUS", "MEMORY_MB", "DISK_GB"]


@pytest.mark.parametrize("text", ["", "MemTotal: 0 kB\n", "MemFree: 5 kB\n"])
def test_a_node_without_memory_is_none(text):
    with pytest.raises(ValueError, match="does not say how much memory"):
        preferences.total_mb(text)


def test_bad_secrets_start_nothing(tmp_path, monkeypatch, capsys):
    secret = tmp_path / "secret"
    monkeypatch.setenv("PROJECT_FILE", str(secret))
    monkeypatch.setenv("DATA", str(tmp_path))
    assert start.main() == 1
    secret.write_text("https://a.org/")
    assert start.main() == 1
    said = capsys.readouterr().err.splitlines()
    assert "No such file or directory" in said[0]
    assert said[1].startswith("BOINC was not started: the secret has 1 words")
