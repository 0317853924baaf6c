"""A node gets its own pillar and the files of salt/, and nothing else, forged requests or not."""

import asyncio
from unittest.mock import patch

import pytest
import salt.channel.client
import salt.config
import salt.crypt
from tornado.ioloop import IOLoop


def pillar_of(minion, inner_id=None, outer_id=None, **load):
    """
    Ask the master for a pillar with the minion's own keys, as a broken-in node would.

    ``inner_id`` is the id inside the encrypted request, ``outer_id`` the one on its envelope; both
    are the minion's own unless given. Returns None when the master refused to answer.
    """
    opts = salt.config.minion_config(minion.config_file)
    opts["master_uri"] = f"tcp://127.0.0.1:{opts['master_port']}"

    async def ask():
        channel = salt.channel.client.AsyncReqChannel.factory(opts, io_loop=IOLoop.current())
        await channel.auth.authenticate()
        crypticle = channel.auth.session_crypticle
        channel.opts = {**opts, "id": outer_id or opts["id"]}
        honest = crypticle.dumps

        def forge(body, *args, **kwargs):
            return honest({**body, "id": inner_id or opts["id"]}, *args, **kwargs)

        request = {
            "cmd": "_pillar",
            "grains": {"id": opts["id"], "os": "Debian"},
            "saltenv": "base",
            "ver": "2",
            **load,
        }
        try:
            with patch.object(crypticle, "dumps", forge):
                return await channel.crypted_transfer_decode_dictentry(
                    request, dictkey="pillar", timeout=15, tries=1
                )
        except salt.crypt.AuthenticationError:
            return None
        finally:
            channel.close()

    return asyncio.run(ask())


def test_a_node_gets_its_own_view(pi0):
    pillar = pillar_of(pi0)
    assert pillar["picloud"]["node"]["id"] == "pi0"


def test_a_stranger_gets_nothing(stranger):
    assert not {"picloud", "_errors"} & set(pillar_of(stranger))


def test_a_stranger_gets_nothing_while_the_description_is_broken(stranger, pi0, description):
    file = description / "racks" / "rack1.sls"
    before = file.read_text()
    try:
        file.write_text(before.replace("address:", "adress:", 1))
        assert "_errors" in pillar_of(pi0)
        assert not {"picloud", "_errors"} & set(pillar_of(stranger))
    finally:
        file.write_text(before)


def test_grains_decide_nothing(pi0):
    pillar = pillar_of(pi0, grains={"id": "pi1", "host": "pi1", "nodename": "pi1"})
    assert pillar["picloud"]["node"]["id"] == "pi0"


@pytest.mark.parametrize(
    "forged",
    [{"inner_id": "pi1"}, {"inner_id": "pi1", "outer_id": "pi1"}, {"outer_id": "pi1"}],
    ids=["inside", "everywhere", "envelope"],
)
def test_a_node_cannot_ask_for_another_ones_pillar(pi0, pi1, forged):
    assert pillar_of(pi1)["picloud"]["node"]["id"] == "pi1"
    assert pillar_of(pi0, **forged) is None


def test_a_pillar_override_does_not_open_anothers_view(pi0):
    pillar = pillar_of(pi0, pillar_override={"picloud": {"node": {"id": "pi1"}}})
    assert "pi1" not in str(pillar.get("picloud", {}).get("base", {}))
    assert pillar["picloud"]["node"].get("address") != "10.80.1.2"


def test_the_file_server_serves_the_states_and_nothing_else(pi0, repo):
    call = pi0.salt_call_cli()
    served = call.run("cp.list_master").data
    assert "top.sls" in served
    outside = [
        path
        for path in served
        if path.startswith(("pillar/", "reactor/", "_utils/", "tests/", "master/", "."))
        or not (repo / "salt" / path).exists()
    ]
    assert outside == []


@pytest.mark.parametrize(
    "path",
    [
        "salt://pillar/cloud/cloud.sls",
        "salt://../pillar/cloud/cloud.sls",
        "salt://_modules/../../pillar/cloud/cloud.sls",
        "salt:///srv/picloud/pillar/cloud/cloud.sls",
        "salt://cloud/cloud.sls",
    ],
)
def test_no_path_leads_to_the_description(pi0, path):
    call = pi0.salt_call_cli()
    assert "picloud" in call.run("cp.get_file_str", "salt://top.sls").data
    assert not call.run("cp.get_file_str", path).data
