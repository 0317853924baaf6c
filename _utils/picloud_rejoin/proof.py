"""
Is a report really from the node it names? A signature tells; the bus and the job cache do not.
"""

import base64
import json
import re

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from picloud.identity import Board

#: Longest report that is looked at, in characters; a whole one has less than 2,000.
LONGEST = 65536
#: What a board may say of itself. A Pi's serial has 16 hex digits, a card's CID 32.
SAID = {
    "serial": re.compile(r"[0-9A-Za-z]{1,16}"),
    "mac": re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}"),
    "model": re.compile(r"[\w.-]{1,63}"),
    "cid": re.compile(r"[0-9A-Za-z]{1,64}"),
}


class ProofError(Exception):
    """A report proves nothing; the text says why."""


def nonce(answer):
    """
    Return the nonce that an answer claims to carry, None for what is no answer at all.

    answer
        What ``pirejoin.evidence`` or ``pirejoin.verify`` returned.
    """
    try:
        found = _report(answer).get("nonce")
    except ProofError:
        return None
    return found if isinstance(found, str) else None


def check(answer, public, node):
    """
    Return the report of an answer when the holder of a key signed it.

    answer
        What ``pirejoin.evidence`` or ``pirejoin.verify`` returned: ``report`` and ``signature``.
    public
        The key that the master accepts for the node, as PEM text.
    node
        The id that the report has to name.

    Raises ProofError.

    .. code-block:: python

        proof.check(answer, keys.accepted("pi3"), "pi3")["board"]["serial"]
    """
    report = _report(answer)
    try:
        key = serialization.load_pem_public_key(public.encode())
        signature = base64.b64decode(answer.get("signature", ""), validate=True)
        key.verify(signature, answer["report"].encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError, AttributeError) as err:
        raise ProofError(f"a report of {node!a} is not signed with its key") from err
    if report.get("id") != node:
        raise ProofError(f"a report of {report.get('id')!a} came in the name of {node!a}")
    return report


def board(report):
    """
    Return the board of a report; what is not in the form of a serial, MAC and so on is left out.

    report
        A report that was checked. Its signature tells who said it, not that it makes sense.
    """
    said = report.get("board") if isinstance(report.get("board"), dict) else {}
    found = {
        name: said[name]
        for name, form in SAID.items()
        if isinstance(said.get(name), str) and form.fullmatch(said[name])
    }
    ram = said.get("ram_mb")
    if type(ram) is int and 0 < ram < 2**31:
        found["ram_mb"] = ram
    return Board(**found)


def _report(answer):
    text = answer.get("report") if isinstance(answer, dict) else None
    if not isinstance(text, str) or len(text) > LONGEST:
        raise ProofError("no report")
    try:
        report = json.loads(text, parse_int=_number)
        # Databases take neither half characters nor NUL.
        if "\\u0000" in json.dumps(report, ensure_ascii=False).encode().decode():
            raise ProofError("the report is no text")
    except (ValueError, RecursionError) as err:
        raise ProofError("the report is no JSON") from err
    if not isinstance(report, dict):
        raise ProofError("the report is no mapping")
    return report


def _number(digits):
    """An integer of a size that can be calculated with."""
    if len(digits) > 18:
        raise ValueError("this number is too long")
    return int(digits)
