"""
The project that a client works for, and the file by which BOINC knows of it.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit
from xml.etree import ElementTree

#: What a secret says when there is no project.
NONE = "none"

_KEY = re.compile(r"[A-Za-z0-9_]{16,128}")


class ProjectError(Exception):
    """A secret names no project; the text says why, without the key."""


class Project(NamedTuple):
    """
    A project and the account to work for.

    url
        Its master URL, with a slash at its end.
    key
        The account key, best a weak one.
    """

    url: str
    key: str

    @property
    def file(self) -> str:
        """
        The name of its account file, as BOINC makes it of the URL.

        >>> Project("https://einsteinathome.org/", "").file
        'account_einsteinathome.org.xml'
        """
        rest = self.url.partition("://")[2]
        return f"account_{re.sub(r'[^A-Za-z0-9._-]', '_', rest).removesuffix('_')}.xml"

    @property
    def account(self) -> str:
        """The account file."""
        root = ElementTree.Element("account")
        ElementTree.SubElement(root, "master_url").text = self.url
        ElementTree.SubElement(root, "authenticator").text = self.key
        return ElementTree.tostring(root, encoding="unicode") + "\n"


def project(text: str) -> Project | None:
    """
    Return the project that a secret names, None when it says ``none``.

    text
        The project's URL and the account key, with white space between them. Raises ProjectError
        when it is anything else.

    >>> project("https://einsteinathome.org 1234567_0123456789abcdef0123456789abcdef").url
    'https://einsteinathome.org/'
    """
    words = text.split()
    if words == [NONE]:
        return None
    if len(words) != 2:
        raise ProjectError(
            f"the secret has {len(words)} words; it is the project's URL and the account key, or"
            f' "{NONE}"'
        )
    url, key = words
    faults = []
    if not _is_web(url):
        faults.append("the first word is no http:// or https:// URL of a project")
    if not _KEY.fullmatch(key):
        faults.append("the second word is no account key: 16 letters and digits or more")
    if faults:
        raise ProjectError("; ".join(faults))
    return Project(url if url.endswith("/") else f"{url}/", key)


def _is_web(url: str) -> bool:
    try:
        split = urlsplit(url)
        plain = not (split.query or split.fragment or split.username or split.password)
        return split.scheme in ("http", "https") and bool(split.hostname) and plain
    except ValueError:
        return False


def is_account(name: str) -> bool:
    """
    Say whether a file of BOINC's folder is an account file.

    >>> is_account("account_einsteinathome.org.xml"), is_account("client_state.xml")
    (True, False)
    """
    return name.startswith("account_") and name.endswith(".xml")


def is_same(found: str, wanted: Project) -> bool:
    """
    Say whether an account file is that of a project and account: BOINC adds to it what the project
    says, and that is kept.

    found
        What is in the file.
    wanted
        The project.

    >>> one = Project("https://einsteinathome.org/", "0123456789abcdef")
    >>> is_same(one.account, one), is_same(one.account, one._replace(key="")), is_same("", one)
    (True, False, False)
    """
    try:
        root = ElementTree.fromstring(found)
    except ElementTree.ParseError:
        return False
    said = [(root.findtext(name) or "").strip() for name in ("master_url", "authenticator")]
    return said == list(wanted)
