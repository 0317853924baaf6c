"""Files go through Salt's renderers: Jinja, gpg and what their first line says."""

import re
import shutil
import subprocess
from pathlib import Path

import picloud_salt
import pytest
import salt.config
from picloud import load
from picloud.cloud import build
from picloud.faults import DescriptionError
from picloud.store import Store

LOOP = """\
{%- set rack = 3 %}
racks:
  rack3:
    site: here
    design: tower
    model: pi2b
    image: bookworm
    nodes:
{%- for n in range(1, 4) %}
      left/{{ n }}: {id: pi3{{ n }}, address: 10.0.{{ rack }}.{{ n }}}
{%- endfor %}
"""


@pytest.fixture
def opts(tmp_path):
    """Options of a master that nobody started."""
    opts = salt.config.master_config(None)
    opts.update(cachedir=str(tmp_path / "cache"), gpg_keydir=str(tmp_path / "gpg"))
    return opts


@pytest.fixture
def render(opts, root):
    return picloud_salt.render(opts, root)


def faults(root, render):
    with pytest.raises(DescriptionError) as error:
        build(load.read(root, render))
    return error.value.faults


def test_jinja_makes_nodes(root, render):
    (root / "racks" / "rack3.sls").write_text(LOOP)
    cloud = build(load.read(root, render))
    assert cloud.node("pi33").address == "10.0.3.3"


def test_a_file_without_jinja_never_loads_salts_renderers(root, render, monkeypatch):
    monkeypatch.setattr(type(render), "_renderers", lambda _: pytest.fail("loaded"))
    assert len(build(load.read(root, render)).nodes) == 4


@pytest.mark.parametrize("name", ["racks/lib.jinja", "./racks/lib.jinja"])
def test_jinja_imports_from_the_folder_of_the_description(root, render, name):
    (root / "racks" / "lib.jinja").write_text("{% set number = 7 %}")
    file = root / "common.sls"
    text = file.read_text().replace("swap_mb: 64", "swap_mb: {{ number }}")
    file.write_text(f'{{% from "{name}" import number %}}' + text)
    assert build(load.read(root, render)).view("pi11")["base"]["swap_mb"] == 7


def test_a_missing_import_is_named_with_its_line(root, render):
    file = root / "common.sls"
    file.write_text('#\n{% from "nosuch.jinja" import number %}\n' + file.read_text())
    (fault,) = faults(root, render)
    assert (fault.file, fault.line) == ("common.sls", 2)
    assert "there is no nosuch.jinja" in fault.problem


def test_an_undefined_variable_is_named_with_its_line(root, render):
    (root / "racks" / "rack3.sls").write_text(LOOP.replace("{{ rack }}", "{{ rakc }}"))
    (fault,) = faults(root, render)
    assert (fault.file, fault.line, fault.rule) == ("racks/rack3.sls", 10, "template")
    assert "'rakc' is undefined" in fault.problem


def test_a_jinja_syntax_error_is_named_with_its_line(root, render):
    (root / "racks" / "rack3.sls").write_text(LOOP.replace("{%- endfor %}", "{%- endfro %}"))
    (fault,) = faults(root, render)
    assert (fault.file, fault.line) == ("racks/rack3.sls", 11)
    assert "endfro" in fault.problem
    assert "\n" not in str(fault)


@pytest.mark.parametrize("text", ["{{.Node.Hostname}}", "{{ .Task.Slot }}", "{{- .Task.Slot }}"])
def test_a_template_of_swarms_own_is_said_to_need_raw(root, render, text):
    file = root / "racks" / "rack3.sls"
    file.write_text(f"#\nworkloads: {{web: {{env: {{A: '{text}'}}}}}}\n")
    (fault,) = faults(root, render)
    assert (fault.file, fault.line, fault.rule) == ("racks/rack3.sls", 2, "template")
    assert "{% raw %}{{.Node.Hostname}}{% endraw %}" in fault.remedy


@pytest.mark.parametrize("name", ["grains.id", "pillar.secret"])
def test_jinja_sees_nothing_of_a_minion(root, opts, name):
    render = picloud_salt.render({**opts, "grains": {"id": "pi11"}, "pillar": {"secret": 1}}, root)
    file = root / "common.sls"
    file.write_text(file.read_text() + "# {{ " + name + " }}\n")
    (fault,) = faults(root, render)
    assert "has no attribute" in fault.problem


def test_functions_of_salt_work_in_jinja(root, render):
    file = root / "common.sls"
    file.write_text(file.read_text().replace("swap_mb: 64", "swap_mb: {{ salt['test.echo'](65) }}"))
    assert build(load.read(root, render)).view("pi11")["base"]["swap_mb"] == 65


def test_jinja_works_without_a_master_configuration(root):
    (root / "racks" / "rack3.sls").write_text(LOOP)
    render = picloud_salt.render(picloud_salt.default_opts(), root)
    assert "pi31" in build(load.read(root, render)).nodes


@pytest.mark.parametrize(
    ("first", "problem"),
    [
        ("#!py", "py makes no YAML"),
        ("#!jinja|json", "makes no YAML"),
        ("#!nosuch|yaml", "there is no renderer nosuch"),
    ],
)
def test_a_first_line_that_cannot_work_is_a_fault(root, render, first, problem):
    (root / "racks" / "rack3.sls").write_text(f"{first}\nracks: {{}}\n")
    (fault,) = faults(root, render)
    assert problem in fault.problem
    assert fault.line == 1


def test_a_forbidden_renderer_is_a_fault(root, opts):
    render = picloud_salt.render({**opts, "renderer_blacklist": ["jinja"]}, root)
    assert {"is forbidden" in fault.problem for fault in faults(root, render)} == {True}


def test_a_script_path_in_the_first_line_is_no_renderer(root, render):
    file = root / "racks" / "rack1.sls"
    file.write_text("#!/usr/bin/env salt\n" + file.read_text())
    assert len(build(load.read(root, render)).nodes) == 4


def test_yaml_alone_leaves_jinja_alone(root, render):
    file = root / "common.sls"
    text = (
        "#!yaml\n"
        + file.read_text()
        + "docker: {version: '20*', daemon: {log-opts: {tag: '{{.ID}}'}}}\n"
    )
    file.write_text(text)
    cloud = build(load.read(root, render))
    assert cloud.common.docker.daemon == {"log-opts": {"tag": "{{.ID}}"}}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A key pair made for this run; its home is short, because gpg-agent's socket lies there."""
    if not shutil.which("gpg"):
        pytest.fail("gpg is not installed: apt-get install gnupg")
    home = Path("/tmp") / tmp_path_factory.mktemp("k").parent.name.replace("pytest-", "gpg")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--trust-model", "always"]
    subprocess.run(
        [*gpg, "--passphrase", "", "--quick-gen-key", "lab@pi.example", "default", "default"],
        check=True,
        capture_output=True,
    )
    yield home, gpg
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def secret(root, keys):
    """A file whose content is encrypted for the key."""
    _, gpg = keys
    done = subprocess.run(
        [*gpg, "--armor", "--encrypt", "--recipient", "lab@pi.example"],
        input="https://user:hush@mirror.pi.example",
        capture_output=True,
        text=True,
        check=True,
    )
    armor = "".join(f"          {line}\n" for line in done.stdout.splitlines())
    (root / "secrets").mkdir()
    file = root / "secrets" / "docker.sls"
    file.write_text(
        f"#!yaml|gpg\ndocker:\n  version: '20*'\n  daemon:\n    registry-mirrors:\n"
        f"      - |\n{armor}"
    )
    return file


def test_gpg_is_decrypted_with_the_masters_key(root, opts, secret, keys, database):
    render = picloud_salt.render({**opts, "gpg_keydir": str(keys[0])}, root)
    store = Store(root, database, render)
    cloud, found = store.cloud()
    assert found == ()
    mirrors = cloud.common.docker.daemon["registry-mirrors"]
    assert [mirror.strip() for mirror in mirrors] == ["https://user:hush@mirror.pi.example"]


def test_without_the_key_the_reason_is_named_and_no_ciphertext(root, opts, secret):
    (fault,) = faults(root, picloud_salt.render(opts, root))
    assert fault.file == "secrets/docker.sls"
    assert fault.rule == "data-stage"
    assert "BEGIN PGP" not in str(fault)
    assert "\n" not in str(fault)
    assert "decrypt" in fault.problem


@pytest.mark.parametrize("line", ["Hunter2: hush", "hunter2", "\n          hunter2-!"])
def test_a_broken_message_is_not_shown(root, opts, secret, line):
    text = secret.read_text()
    secret.write_text(text.replace("MESSAGE-----\n", f"MESSAGE-----\n          {line}\n", 1))
    (fault,) = faults(root, picloud_salt.render(opts, root))
    assert (fault.file, fault.rule) == ("secrets/docker.sls", "data-stage")
    assert not re.search("hunter2|hush|character 2D|ctb", str(fault), re.IGNORECASE)


def test_without_gpg_the_package_is_named(root, opts, secret, monkeypatch):
    monkeypatch.setattr("salt.utils.path.which", lambda program: None)
    (fault,) = faults(root, picloud_salt.render(opts, root))
    assert fault.rule == "data-stage"
    assert "gpg is not installed on the master (apt-get install gnupg)" in fault.problem


def test_the_store_of_a_master_is_one_object(opts, root):
    opts["ext_pillar"] = [{"other": {}}, {"picloud": {"path": str(root)}}]
    store = picloud_salt.store(opts)
    assert store is picloud_salt.store(opts)
    assert store.root == root
    assert picloud_salt.database(opts).name == "description.db"


def test_a_master_without_an_ext_pillar_uses_its_checkout(opts, repo):
    assert picloud_salt.description(opts) == repo / "pillar" / "cloud"


def test_the_modules_digest_follows_what_nodes_get(tmp_path):
    (tmp_path / "_modules").mkdir()
    module = tmp_path / "_modules" / "a.py"
    module.write_text("x = 1\n")
    first = picloud_salt.modules_digest(tmp_path)
    (tmp_path / "_runners").mkdir()
    (tmp_path / "_runners" / "b.py").write_text("")
    assert picloud_salt.modules_digest(tmp_path) == first
    module.write_text("x = 22\n")
    second = picloud_salt.modules_digest(tmp_path)
    module.rename(tmp_path / "_modules" / "b.py")
    assert len({first, second, picloud_salt.modules_digest(tmp_path)}) == 3
