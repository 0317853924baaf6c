"""
A project of BOINC as small as its client allows: one task, which counts the words of a text.

It speaks the client's own protocol: a page that names the scheduler, requests and replies as XML, a
program signed with the project's key (https://github.com/BOINC/boinc/wiki/Code-signing), files by
HTTP, and an upload.
"""

import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from xml.etree import ElementTree

from cryptography.hazmat.primitives.asymmetric import rsa

#: What a client of the lab calls its platform.
PLATFORM = "x86_64-pc-linux-gnu"
PROGRAM, INPUT, OUTPUT, TASK = "count_1", "text_1", "number_1", "words_1"
SOURCE = """#!/bin/sh
wc -w <text >number
echo 0 >boinc_finish_called
"""
#: Bytes of a modulus in the client's key files, and of a line of them.
MODULUS, LINE = 128, 32


def printed(data: bytes) -> str:
    """Bytes as BOINC's keys and signatures are printed."""
    lines = [data[at : at + LINE].hex() for at in range(0, len(data), LINE)]
    return "\n".join([*lines, "."])


class Signer:
    """The key that the programs of a project are signed with."""

    def __init__(self) -> None:
        self._numbers = rsa.generate_private_key(65537, 8 * MODULUS).private_numbers()

    @property
    def public(self) -> str:
        """The public key."""
        public = self._numbers.public_numbers
        parts = [number.to_bytes(MODULUS, "big") for number in (public.n, public.e)]
        return f"{8 * MODULUS}\n{printed(b''.join(parts))}"

    def sign(self, data: bytes) -> str:
        """Sign data: PKCS 1 of its MD5 in hexadecimal digits, with no name of an algorithm."""
        digest = hashlib.md5(data).hexdigest().encode()
        block = b"\0\1" + b"\xff" * (MODULUS - 3 - len(digest)) + b"\0" + digest
        number = pow(int.from_bytes(block, "big"), self._numbers.d, self._numbers.public_numbers.n)
        return printed(number.to_bytes(MODULUS, "big"))


class Done(NamedTuple):
    """What a client said of the task: its status, its seconds of CPU, and who it is."""

    status: str
    seconds: float
    account: str


class Project:
    """
    A project that is served while the context lasts.

    address
        Where it listens; it chooses a port.
    text
        What the words are counted of.
    """

    def __init__(self, address: str, text: str) -> None:
        self._files = {PROGRAM: SOURCE.encode(), INPUT: text.encode()}
        self._signer, self._given = Signer(), False
        self.uploaded, self.done = b"", list[Done]()
        project = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                page = f"<scheduler>{project.url}scheduler</scheduler>".encode()
                self._say(project._files.get(name, page))

            def do_POST(self) -> None:
                said = self.rfile.read(int(self.headers["Content-Length"]))
                reply = project._upload if self.path.endswith("upload") else project._schedule
                self._say(reply(said).encode())

            def _say(self, data: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_words: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self.url = f"http://{address}:{self._server.server_address[1]}/words/"

    def __enter__(self) -> "Project":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _schedule(self, said: bytes) -> str:
        request = ElementTree.fromstring(said)
        account = request.findtext("authenticator", "").strip()
        acks = ""
        for result in request.iterfind("result"):
            name, status = result.findtext("name", ""), result.findtext("exit_status", "")
            seconds = float(result.findtext("final_cpu_time", "0"))
            self.done.append(Done(status.strip(), seconds, account))
            acks += f"<result_ack><name>{name}</name></result_ack>\n"
        work = "" if self._given else self._work()
        self._given = True
        return f"""<scheduler_reply>
<scheduler_version>720</scheduler_version>
<master_url>{self.url}</master_url>
<request_delay>1</request_delay>
<project_name>Words</project_name>
<user_name>lab</user_name>
<hostid>1</hostid>
<next_rpc_delay>10</next_rpc_delay>
<code_sign_key>
{self._signer.public}
</code_sign_key>
{acks}{work}</scheduler_reply>
"""

    def _work(self) -> str:
        return f"""<app>
<name>count</name>
<user_friendly_name>Count</user_friendly_name>
</app>
{
            self._file(
                PROGRAM,
                f"<executable/><file_signature>{chr(10)}{self._signer.sign(SOURCE.encode())}"
                f"{chr(10)}</file_signature>",
            )
        }{self._file(INPUT)}<file_info>
<name>{OUTPUT}</name>
<generated_locally/>
<max_nbytes>1000</max_nbytes>
<upload_url>{self.url}upload</upload_url>
</file_info>
<app_version>
<app_name>count</app_name>
<version_num>1</version_num>
<platform>{PLATFORM}</platform>
<file_ref>
<file_name>{PROGRAM}</file_name>
<main_program/>
</file_ref>
</app_version>
<workunit>
<name>words</name>
<app_name>count</app_name>
<rsc_fpops_est>1e9</rsc_fpops_est>
<rsc_fpops_bound>1e15</rsc_fpops_bound>
<rsc_memory_bound>1e7</rsc_memory_bound>
<rsc_disk_bound>1e7</rsc_disk_bound>
<file_ref>
<file_name>{INPUT}</file_name>
<open_name>text</open_name>
<copy_file/>
</file_ref>
</workunit>
<result>
<name>{TASK}</name>
<wu_name>words</wu_name>
<platform>{PLATFORM}</platform>
<version_num>1</version_num>
<report_deadline>{time.time() + 3600:.0f}</report_deadline>
<report_immediately/>
<file_ref>
<file_name>{OUTPUT}</file_name>
<open_name>number</open_name>
<copy_file/>
</file_ref>
</result>
"""

    def _file(self, name: str, more: str = "") -> str:
        data = self._files[name]
        return f"""<file_info>
<name>{name}</name>
{more}
<url>{self.url}{name}</url>
<md5_cksum>{hashlib.md5(data).hexdigest()}</md5_cksum>
<nbytes>{len(data)}</nbytes>
</file_info>
"""

    def _upload(self, said: bytes) -> str:
        _before, _is_file, data = said.partition(b"<data>\n")
        self.uploaded += data
        size = "" if _is_file else f"<file_size>{len(self.uploaded)}</file_size>\n"
        return f"<data_server_reply>\n<status>0</status>\n{size}</data_server_reply>\n"
