"""Odd inputs: empty, of another format, hostile, very big; what importers make of single lines."""

import doctest
import importlib
import json
import pkgutil
import time

import jinja2
import pytest
import yaml
from picloud import importers
from picloud.importers import models

GOOD = {
    "ansible": "[rack1]\npi1 model=pi4b\n",
    "csv": "hostname,model\npi1,pi4b\n",
    "netbox": "manufacturer: Acme\nmodel: S4\nslug: acme-s4\ninterfaces:\n"
    + "".join(f"  - {{name: p{n}, type: 1000base-t}}\n" for n in range(4)),
    "rpiaas": json.dumps(
        {
            "clusters": [
                {
                    "domain": "c.test",
                    "prefix": "10.0.1",
                    "nodes": [{"type": "pi4b", "hostname": "pi1", "suffix": "1"}],
                }
            ]
        }
    ),
}


def faults(text, form, source="file"):
    return [str(fault) for fault in importers.convert(text, source, form).faults]


def data(text, form):
    return yaml.safe_load(importers.convert(text, "file", form).description_yaml)


def nodes(text, form):
    """Return the nodes that are printed, by rack and slot."""
    return {name: rack["nodes"] for name, rack in data(text, form)["racks"].items()}


@pytest.mark.parametrize("form", GOOD)
def test_the_smallest_file_of_each_format_has_no_faults(form):
    assert faults(GOOD[form], form) == []


@pytest.mark.parametrize("form", GOOD)
@pytest.mark.parametrize("text", ["", "\n", " \t\n\r\n", "\ufeff", "\ufeff\r\n"])
def test_an_empty_file_is_named(form, text):
    assert faults(text, form) == ["file:1: is empty; name the file that holds the machines"]


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        (
            GOOD["rpiaas"],
            "csv",
            "file:1: is JSON, not CSV with a header; import it with format=rpiaas",
        ),
        (
            GOOD["rpiaas"],
            "ansible",
            "file:1: is JSON, not an Ansible inventory; import it with format=rpiaas",
        ),
        (
            GOOD["csv"],
            "rpiaas",
            "file:1: is CSV with a header, not JSON; import it with format=csv",
        ),
        (
            GOOD["csv"],
            "ansible",
            "file:1: is CSV with a header, not an Ansible inventory; import it with format=csv",
        ),
        (
            GOOD["ansible"],
            "netbox",
            "file:1: is an Ansible inventory, not a NetBox device type; "
            "import it with format=ansible",
        ),
        (
            "---\nall:\n  hosts:\n    pi1:\n",
            "netbox",
            "file:1: is an Ansible inventory, not a NetBox device type; "
            "import it with format=ansible",
        ),
        (
            GOOD["netbox"],
            "ansible",
            "file:1: is a NetBox device type, not an Ansible inventory; "
            "import it with format=netbox",
        ),
        (
            GOOD["csv"],
            "cvs",
            'file:1: "cvs" is not a format that can be imported; did you mean "csv"?',
        ),
        (
            GOOD["csv"],
            "xml",
            'file:1: "xml" is not a format that can be imported; '
            "known formats: ansible, csv, netbox, rpiaas",
        ),
        (
            "hostname,model\npi1,\0\n",
            "csv",
            "file:2: is not a text in UTF-8; save it as text in UTF-8 and import it again",
        ),
        (
            '{"clusters": {}}',
            "rpiaas",
            "file:1: clusters: is not a list of clusters; "
            'an RPiaaS config.json has {"clusters": [{"domain", "prefix", "nodes"}]}',
        ),
        (
            "all:\n  hosts:\n\tpi1:\n",
            "ansible",
            "file:3: is not YAML: found character that cannot start any token; "
            "correct it: nothing was imported",
        ),
        (
            "plugin: amazon.aws.aws_ec2\n",
            "ansible",
            "file:1: plugin: is a plugin's settings or a program's output, not an inventory; "
            "import what this prints: ansible-inventory -i <inventory> --list --yaml --export",
        ),
        (
            '{"_meta": {"hostvars": {}}, "all": {"hosts": ["pi1"]}}',
            "ansible",
            "file:1: _meta: is a plugin's settings or a program's output, not an inventory; "
            "import what this prints: ansible-inventory -i <inventory> --list --yaml --export",
        ),
        (
            "[rack1]\n",
            "ansible",
            "file:1: holds no node, no switch and no board; name another file",
        ),
        (
            "hostname,model\n",
            "csv",
            "file:1: has a header and no rows; add a row for each machine",
        ),
        (
            "pi1,b8:27:eb:00:00:01\npi2,b8:27:eb:00:00:02\n",
            "csv",
            'file:1: the first row is not a header: "pi1,b8:27:eb:00:00:01"; '
            "begin with a row such as: hostname,rack,slot,mac,serial,model,address,roles",
        ),
        (
            "mac,model\nb8:27:eb:00:00:01,pi4b\n",
            "csv",
            "file:1: no column holds the host names; "
            "begin with a row such as: hostname,rack,slot,mac,serial,model,address,roles",
        ),
    ],
)
def test_what_cannot_be_read_is_named(text, form, expected):
    imported = importers.convert(text, "file", form)
    assert [str(fault) for fault in imported.faults] == [expected]
    assert f"#   {expected}" in imported.description_yaml
    assert not yaml.safe_load(imported.description_yaml)


def test_broken_json_is_named_with_its_line():
    text = '{\n  "clusters": [\n    {"domain": "c.test",}\n  ]\n}\n'
    (fault,) = faults(text, "rpiaas")
    assert fault.startswith("file:3: is not JSON: ")
    assert fault.endswith("; correct it: nothing was imported")


@pytest.mark.parametrize("form", GOOD)
@pytest.mark.parametrize("text", ["[" * 5000, '{"a":' * 5000, "- " * 5000, "a: &a [*a, *a]\n", "}"])
def test_hostile_nesting_is_a_fault_and_no_crash(form, text):
    assert faults(text, form)


def test_a_row_that_cannot_be_read_is_named_with_the_line_it_begins_in():
    text = 'hostname,model\npi1,pi4b\n\npi2,"pi4b\npi3,pi4b\n'
    assert faults(text, "csv") == [
        "file:4: the row that begins here cannot be read (unexpected end of data), nor can what "
        'follows; close every quote, and double a quote inside quotes: ""'
    ]


def test_lines_stay_true_after_a_value_of_several_lines():
    text = 'hostname,model,roles\npi1,pi4b,"docker\nweb"\npi2,pi9,\n'
    assert faults(text, "csv")[0].startswith('file:4: pi2.model: "pi9" is not a board model')


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_delimiters_and_line_ends(newline, mark):
    text = newline.join(["hostname,model,address", "pi1,rpi4,10.0.0.2", ""]).replace(",", mark)
    assert nodes("\ufeff" + text, "csv") == {
        "rack1": {"shelf/1": {"id": "pi1", "address": "10.0.0.2"}}
    }


@pytest.mark.parametrize(
    ("slot", "printed"),
    [
        ("3", "shelf/3"),
        ("03", "shelf/3"),
        ("left/3", "left/3"),
        ("Left 3", "left/3"),
        ("A3", "a/3"),
        ("U12", "shelf/12"),
        ("slot 7", "shelf/7"),
        ("bay-2", "shelf/2"),
    ],
)
def test_slots_as_people_write_them(slot, printed):
    text = f"hostname,slot,model\npi1,{slot},pi4b\n"
    assert nodes(text, "csv") == {"rack1": {printed: {"id": "pi1"}}}
    assert faults(text, "csv") == []


@pytest.mark.parametrize("mac", ["B8-27-EB-C1-D2-E4", "b827.ebc1.d2e4", "b827ebc1d2e4"])
def test_mac_addresses_as_people_write_them(mac):
    text = f"hostname,mac,model\npi1,{mac},pi4b\n"
    assert nodes(text, "csv")["rack1"]["shelf/1"]["mac"] == "b8:27:eb:c1:d2:e4"


def test_a_rack_of_more_than_99_boards_gets_a_second_tower(validate):
    text = "hostname,model\n" + "".join(f"pi{n},pi4b\n" for n in range(150))
    printed = nodes(text, "csv")["rack1"]
    assert len(printed) == 150
    assert printed["shelf2/51"] == {"id": "pi149"}
    assert validate(importers.convert(text, "file", "csv").description_yaml) == []


def test_a_design_that_is_named_is_used(validate):
    text = (
        "hostname,rack,slot,model,design,hub,hub_port\n"
        "pi1,r1,left/1,pi1b,lego14,1,1\npi2,r2,left/1,pi1b,,1,2\n"
    )
    imported = importers.convert(text, "file", "csv")
    assert [str(fault).partition(" has")[0] for fault in imported.faults] == [
        'file:3: pi2.hub: "1"',
        'file:3: pi2.hub_port: "2"',
    ]
    racks = yaml.safe_load(imported.description_yaml)["racks"]
    assert (racks["r1"]["design"], racks["r2"]["design"]) == ("lego14", "shelf")
    assert validate(imported.description_yaml) == []


def test_sites_get_subnets_of_their_own(validate):
    text = (
        "hostname,site,rack,model,address\n"
        "pi1,Glasgow,g1,pi4b,10.80.0.9\npi2,Ghent,h1,pi4b,192.168.3.9\n"
    )
    imported = importers.convert(text, "file", "csv")
    assert imported.faults == ()
    sites = yaml.safe_load(imported.description_yaml)["sites"]
    assert {name: site["subnet"] for name, site in sites.items()} == {
        "glasgow": "10.80.0.0/24",
        "ghent": "192.168.3.0/24",
    }
    assert validate(imported.description_yaml) == []


EVIL = "{{ salt['cmd.run']('id') }}{% raw %}{# x #}\n"


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("csv", f'hostname,rack,model,image,roles,mac\n"{EVIL}","{EVIL}","{EVIL}","{EVIL}",x,y\n'),
        ("csv", f'hostname,"{EVIL}",model\npi1,1,pi4b\n'),
        ("ansible", f"[rack1]\npi1 model='{EVIL.strip()}' serial='{EVIL.strip()}'\n"),
        ("ansible", f"all: {{hosts: {{{json.dumps(EVIL)}: {{model: {json.dumps(EVIL)}}}}}}}\n"),
        (
            "rpiaas",
            json.dumps(
                {
                    "clusters": [
                        {
                            "domain": EVIL,
                            "prefix": EVIL,
                            "nodes": [
                                {"hostname": EVIL, "type": EVIL, "suffix": EVIL, "hwaddr": EVIL}
                            ],
                        }
                    ]
                }
            ),
        ),
        (
            "netbox",
            "".join(f"{key}: {json.dumps(EVIL)}\n" for key in ("manufacturer", "model", "slug"))
            + "interfaces:\n  - {name: a, type: 1000base-t}\n",
        ),
    ],
)
def test_nothing_of_a_source_is_run_as_a_template(form, text):
    """The description is rendered by Jinja before it is read: a source must not get to it."""
    printed = importers.convert(text, f"a{EVIL}b", form).description_yaml
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    assert environment.from_string(printed).render() == printed.removesuffix("\n")
    assert "id" in printed
    yaml.safe_load(printed)


def test_values_of_variables_without_a_place_are_not_shown():
    text = "[rack1]\npi1 model=pi4b wifi_password=hunter2\n[all:vars]\ntoken=s3cret\n"
    imported = importers.convert(text, "file", "ansible")
    assert len(imported.faults) == 2
    assert "hunter2" not in str(imported)
    assert "s3cret" not in str(imported)


def test_the_nearest_group_wins_in_ansible():
    text = (
        "[rack1]\npi[1:3] model=pi4b\npi3 model=pi5\n[low]\npi1\npi2\n[high:children]\nlow\n"
        "[low:vars]\nimage=trixie\n[high:vars]\nimage=bookworm\n[all:vars]\nimage=buster\n"
    )
    printed = nodes(text, "ansible")["rack1"]
    assert data(text, "ansible")["racks"]["rack1"]["image"] == "trixie"
    assert printed["shelf/1"] == {"id": "pi1", "roles": ["low", "high"]}
    assert printed["shelf/3"] == {"id": "pi3", "model": "pi5", "image": "buster"}


@pytest.mark.parametrize(
    ("pattern", "last"),
    [("pi[01:14]", "pi14"), ("pi[0:6:3]", "pi6"), ("r[1:2]-[a:c]", "r2-c"), ("pi7:2222", "pi7")],
)
def test_ranges_of_hosts(pattern, last):
    printed = nodes(f"[rack1]\n{pattern} model=pi4b\n", "ansible")["rack1"]
    assert list(printed.values())[-1]["id"] == last


def test_hosts_that_are_bare_addresses_get_a_name_to_confirm():
    text = "[rack1]\n10.0.0.7 model=pi4b\nfd00::8 model=pi4b\n77 model=pi4b\n"
    assert nodes(text, "ansible")["rack1"] == {
        "shelf/1": {"id": "pi-7", "address": "10.0.0.7"},
        "shelf/2": {"id": "pi-8", "ipv6": "fd00::8"},
        "shelf/3": {"id": "77"},
    }
    assert [fault.partition(";")[0] for fault in faults(text, "ansible")] == [
        "file:2: 10.0.0.7: is an address without a host name",
        "file:3: fd00::8: is an address without a host name",
    ]


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        ("7", "is empty, so 1 node has no address: pi2; write the first three numbers of the "
              "cluster's addresses: 10.0.1"),
        ("10.0.9.7", "is empty, so the suffixes are taken for whole addresses; write the part all "
                     "addresses of the cluster begin with: 10.0.1"),
    ],
)  # fmt: skip
def test_an_empty_prefix_is_named_whatever_the_suffix(suffix, expected):
    clusters = json.loads(GOOD["rpiaas"])["clusters"]
    node = {"type": "pi4b", "hostname": "pi2", "suffix": suffix}
    clusters.append({"domain": "d.test", "prefix": "", "nodes": [node]})
    assert faults(json.dumps({"clusters": clusters}), "rpiaas") == [
        f"file:1: clusters[1].prefix: {expected}"
    ]


def test_a_cluster_that_is_there_twice_is_named():
    (cluster,) = json.loads(GOOD["rpiaas"])["clusters"]
    second = json.loads(json.dumps(cluster).replace("pi1", "pi2").replace("10.0.1", "10.0.2"))
    assert faults(json.dumps({"clusters": [cluster, second]}), "rpiaas") == [
        'file:1: clusters[1].domain: "c.test" is the domain of clusters[0], too; '
        "give each cluster its own; the nodes of both are printed in c"
    ]


@pytest.mark.parametrize("mark", ["\x85", "\u2028", "\u2029"])
def test_lines_are_counted_as_editors_do(mark):
    text = f"all:\n  # a{mark}b\n  hosts:\n    pi1: {{model: pi99}}\n"
    assert faults(text, "ansible")[0].startswith("file:4: pi1.model: ")


def test_a_circle_of_groups_ends():
    text = "[rack1]\npi1 model=pi4b\n[a:children]\nb\nrack1\n[b:children]\na\n"
    assert data(text, "ansible")["racks"]["rack1"]["roles"] == ["a", "b"]


def test_shipped_boards_all_have_names(repo):
    shipped = set()
    for path in (repo / "pillar" / "cloud" / "boards").glob("*.sls"):
        shipped |= set(yaml.safe_load(path.read_text("utf-8"))["boards"])
    assert shipped == models.MODELS


def test_shipped_roles_and_image_are_the_ones_taken_for_granted(repo):
    roles = yaml.safe_load((repo / "pillar/cloud/roles.sls").read_text("utf-8"))["roles"]
    images = yaml.safe_load((repo / "pillar/cloud/images.sls").read_text("utf-8"))["images"]
    assert set(roles) == importers.emit.SHIPPED_ROLES
    assert importers.emit.SHIPPED_IMAGE in images


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("Raspberry Pi Model B Rev 2", "pi1b"),
        ("Raspberry Pi Model B Plus Rev 1.2", "pi1bplus"),
        ("Raspberry Pi 2 Model B Rev 1.1", "pi2b"),
        ("Raspberry Pi 2 Model B v1.2", "pi2b12"),
        ("Raspberry Pi 3 Model A Plus Rev 1.0", "pi3aplus"),
        ("RPI3-MODBP-1GB", "pi3bplus"),
        ("RPI4-MOD400", "pi400"),
        ("RPIZ-W", "zerow"),
        ("Raspberry Pi Zero 2 W Rev 1.0", "zero2w"),
        ("rpi4", "pi4b"),
        ("raspi3", "pi3b"),
        ("raspberrypi4", "pi4b"),
        ("3B+", "pi3bplus"),
        ("Pi 4B/8GB", "pi4b"),
        ("Rock 5B", None),
        ("CM4", None),
        ("", None),
    ],
)
def test_models_as_firmware_netbox_and_people_call_them(name, model):
    assert models.find(name) == model


def test_ten_thousand_rows_take_seconds_even_when_each_has_a_fault():
    text = "hostname,rack,model,mac\n" + "".join(
        f"pi{n},r{n % 700},pi99,00:00:00:00:00:00\n" for n in range(10_000)
    )
    begin = time.process_time()
    imported = importers.convert(text, "file", "csv")
    assert len(imported.faults) == 20_000
    assert time.process_time() - begin < 30


@pytest.mark.parametrize("name", [m.name for m in pkgutil.iter_modules(importers.__path__)])
def test_examples_in_docstrings_hold(name):
    module = importlib.import_module(f"picloud.importers.{name}")
    assert doctest.testmod(module).failed == 0
