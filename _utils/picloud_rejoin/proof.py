"""
Is a report really from the node it names? A signature tells; the bus and the job cache do not.
"""

import base64
import binascii
import json

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

#: Longest report that is looked at, in characters; a whole one has less than 2,000.
LONGEST = 65536


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


def _report(answer):
    text = answer.get("report") if isinstance(answer, dict) else None
    if not isinstance(text, str) or len(text) > LONGEST:
        raise ProofError("no report")
    try:
        report = json.loads(text)
    except (ValueError, RecursionError, binascii.Error) as err:
        raise ProofError("the report is no JSON") from err
    if not isinstance(report, dict):
        raise ProofError("the report is no mapping")
    return report
