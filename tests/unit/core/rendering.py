"""
A renderer for tests of the core: Jinja as Salt's default pipe has it, and a gpg that has no key.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from picloud.load import Rendered, RenderError


def render(path: Path) -> Rendered:
    """Render a file with Jinja; a first line that ends in ``gpg`` decrypts nothing and fails."""
    text = path.read_text(encoding="utf-8")
    after = _no_key if text.startswith("#!") and text.split("\n", 1)[0].endswith("gpg") else None
    try:
        return Rendered(jinja2.Environment().from_string(text).render(), after)
    except jinja2.TemplateSyntaxError as error:
        raise RenderError(str(error.message), error.lineno) from error


def _no_key(data: Any) -> Any:
    raise ValueError("no secret key")
