"""
What somebody on the network, or on a node that is already owned, could send to a test master.

It speaks Salt's own channels on loopback. :func:`knock` needs a public half alone, :class:`Owned`
has the private key of a minion that the master accepts, and so its session key as well.
"""

import asyncio
import uuid
from pathlib import Path
from unittest.mock import patch

import salt.channel.client
import salt.config
import salt.crypt
from salt.exceptions import SaltReqTimeoutError
from tornado.ioloop import IOLoop

#: How long an answer is waited for, in seconds; what the master refuses gets none at times.
PATIENCE = 20


def key_pair():
    """Return a new private and public half, as PEM text."""
    return salt.crypt.gen_keys(2048)


def knock(port, *offers, at_once=20):
    """
    Ask to be let in; return the master's answer to each.

    port
        The master's ``ret_port``.
    offers
        Pairs of an id and a public half; nothing proves that the private one is there as well.
    at_once
        How many connections knock side by side.
    """
    opts = _opts(port, "nobody", "/nonexistent")

    async def ask(some):
        factory = salt.channel.client.AsyncReqChannel.factory
        channel = factory(opts, crypt="clear", io_loop=IOLoop.current())
        found = []
        try:
            await channel.connect()
            for name, public in some:
                load = {
                    "cmd": "_auth",
                    "id": name,
                    "pub": public,
                    "nonce": uuid.uuid4().hex,
                    "enc_algo": opts["encryption_algorithm"],
                    "sig_algo": opts["signing_algorithm"],
                }
                try:
                    answer = await channel.send(load, timeout=PATIENCE, tries=1)
                except SaltReqTimeoutError:
                    answer = None
                found.append((name, _verdict(answer)))
        finally:
            channel.close()
        return found

    async def everybody():
        lots = [offers[first::at_once] for first in range(at_once)]
        return await asyncio.gather(*(ask(lot) for lot in lots if lot))

    return [one for lot in asyncio.run(everybody()) for one in lot]


def _verdict(answer):
    """True: in, or a key that waits; False: refused; None: no answer, or none that can be read."""
    if isinstance(answer, dict) and "load" in answer:
        answer = answer["load"]
        answer = salt.payload.loads(answer) if isinstance(answer, bytes) else answer
    return answer.get("ret", "aes" in answer) if isinstance(answer, dict) else None


class Owned:
    """
    A node that somebody else owns: all that its keys are good for.

    pki_dir
        The folder of its ``minion.pem``.
    name, port
        Its id, and the master's ``ret_port``.
    """

    def __init__(self, pki_dir, name, port):
        self.pki = Path(pki_dir)
        self.opts = _opts(port, name, str(pki_dir))

    @classmethod
    def with_keys(cls, folder, name, port, pair):
        """One with keys that are not in a file yet."""
        pki_dir = Path(folder, name, "pki")
        pki_dir.mkdir(parents=True)
        for file, text in zip(("minion.pem", "minion.pub"), pair, strict=True):
            (pki_dir / file).write_text(text)
        return cls(pki_dir, name, port)

    def call(self, *loads, inside=None, envelope=None):
        """
        Send requests; return the answers.

        loads
            Each with ``cmd``; lists of nothing else than what a minion sends, forged or not.
        inside, envelope
            Ids to be named in the encrypted request and on it, instead of its own.
        """

        async def ask():
            factory = salt.channel.client.AsyncReqChannel.factory
            channel = factory(self.opts, io_loop=IOLoop.current())
            answers = []
            try:
                await channel.auth.authenticate()
                channel.opts = {**self.opts, "id": envelope or self.opts["id"]}
                crypticle = channel.auth.session_crypticle
                honest = crypticle.dumps

                def forge(body, *args, **kwargs):
                    body = {**body, "id": inside or self.opts["id"]}
                    return honest(body, *args, **kwargs)

                with patch.object(crypticle, "dumps", forge):
                    for load in loads:
                        answers.append(await _answer(channel, load))
            finally:
                channel.close()
            return answers

        return asyncio.run(ask())

    def fire(self, *events, **more):
        """Put events, pairs of tag and data, on the master's bus: all in one request."""
        listed = [{"tag": tag, "data": data} for tag, data in events]
        return self.call({"cmd": "_minion_event", "events": listed, **more})[0]

    def returns(self, jid, function, result, **more):
        """Return the result of a job."""
        load = {"cmd": "_return", "jid": jid, "fun": function, "fun_args": [], "return": result}
        return self.call({**load, "retcode": 0, "success": True, **more})[0]


async def _answer(channel, load):
    """The answer to one request; None when the master refuses, or does not answer."""
    try:
        if load["cmd"] != "_pillar":
            return await channel.send(load, timeout=PATIENCE, tries=1)
        load = {"grains": {"id": load.get("id")}, "saltenv": "base", "ver": "2", **load}
        return await channel.crypted_transfer_decode_dictentry(
            load, dictkey="pillar", timeout=PATIENCE, tries=1
        )
    except (salt.crypt.AuthenticationError, SaltReqTimeoutError):
        return None


def _opts(port, name, pki_dir):
    opts = salt.config.DEFAULT_MINION_OPTS.copy()
    return opts | {
        "id": name,
        "pki_dir": pki_dir,
        "cachedir": pki_dir,
        "master_ip": "127.0.0.1",
        "master_port": port,
        "master_uri": f"tcp://127.0.0.1:{port}",
        "auth_tries": 1,
        "auth_safemode": True,
        "acceptance_wait_time": 1,
        "acceptance_wait_time_max": 1,
        "__role": "minion",
    }
