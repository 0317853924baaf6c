"""The example reactor of ``docs/rejoin.md`` works, also for an event that somebody forged."""

import re
import stat

import pytest
import salt.config
import salt.loader
import salt.utils.reactor
import yaml

TAG = "picloud/rejoin/held/pi3"


@pytest.fixture(scope="module")
def guide(repo):
    return (repo / "docs" / "rejoin.md").read_text()


@pytest.fixture
def opts(guide, repo, tmp_path):
    """A master's options, read from our configuration and the example's beside it."""
    folder = tmp_path / "master.d"
    folder.mkdir()
    (folder / "picloud.conf").write_text((repo / "master/master.d/picloud.conf").read_text())
    (folder / "mail.conf").write_text(re.search(r"```yaml\n(.*?)```", guide, re.S)[1])
    (tmp_path / "master").write_text("interface: 127.0.0.1\n")
    opts = salt.config.master_config(str(tmp_path / "master"))
    places = ("cachedir", "pki_dir", "sock_dir", "extension_modules")
    opts.update(dict.fromkeys(places, str(tmp_path)), __role="master", module_dirs=[])
    return opts


@pytest.fixture
def react(guide, opts, tmp_path):
    """Handle an event as the reactor does; what its runner is called with."""
    path = tmp_path / "mail.sls"
    path.write_text(re.search(r"```jinja\n(.*?)```", guide, re.S)[1])

    def handle(tag, data):
        reactor = salt.utils.reactor.Reactor(opts)
        try:
            (chunk,) = reactor.reactions(tag, data, [str(path)])
        finally:
            minion = reactor.minion
            minion.destroy()
            # Salt 3008.3 warns of this object when it goes, unless these are None.
            minion.returners = minion.functions = minion.utils = None
        assert (chunk["state"], chunk["fun"]) == ("runner", "salt.cmd")
        return {name: value for one in chunk["args"] for name, value in one.items()}

    return handle


def test_the_example_is_added_to_our_reactors(opts):
    tags = [tag for one in opts["reactor"] for tag in one]
    assert "picloud/rejoin/go" in tags
    assert "picloud/rejoin/held/*" in tags
    assert len(tags) == len(set(tags))


def test_the_mail_is_sent(react, opts, tmp_path):
    mail, program = tmp_path / "mail", tmp_path / "sendmail"
    program.write_text(f"#!/bin/sh\ncat > {mail}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    call = react(TAG, {"node": "pi3", "kind": "wrong model", "reason": "pi3 is a pi1b"})
    assert call["cmd"] == ["/usr/sbin/sendmail", "-t"]
    runner = salt.loader.runner(opts, context={})["salt.cmd"]
    runner(**{**call, "cmd": [str(program), *call["cmd"][1:]]})
    assert mail.read_text().rstrip("\n") == (
        "To: admin@pi.example\nSubject: pi3: held\n\npi3 is a pi1b\n\nSee: salt-run rejoin.status"
    )


@pytest.mark.parametrize(
    "node", ["pi3\nBcc: x@evil.example", "{{ 1 }}", "pi3: [", "'\"$(id)`id`", "*" * 300, 7]
)
def test_a_forged_event_forges_no_mail(react, node):
    evil = "x\n.\nTo: y@evil.example\n{{ opts }}\"'"
    call = react("picloud/rejoin/held/x\nBcc: y", {"node": node, "reason": evil})
    assert set(call) == {"fun", "cmd", "stdin", "python_shell"}
    assert call["cmd"] == ["/usr/sbin/sendmail", "-t"]
    head, _, body = call["stdin"].partition("\n\n")
    assert len(head.splitlines()) == 2
    assert body.startswith(evil)


def test_the_configuration_is_yaml_with_reactors_only(guide):
    found = yaml.safe_load(re.search(r"```yaml\n(.*?)```", guide, re.S)[1])
    assert set(found) == {"reactor"}
    kinds = {tag.split("/")[2] for one in found["reactor"] for tag in one}
    assert kinds == {"held", "quarantined", "refused", "lobby"}
