"""Whatever a file holds: an import ends, names what is wrong, and prints YAML that runs nothing."""

import jinja2
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from picloud import importers

from .conftest import DATA, format_of

SOURCES = [path for path in DATA.iterdir() if ".expected." not in path.name]
#: What breaks lines, quotes, brackets and templates.
PIECES = st.sampled_from([*"\n\t ,;|:=#[]{}\"'\\-*&!%@`0a\x85\u2028\x00", "{{", "{%", "{#"])


@st.composite
def damaged(draw):
    """Return a format and a source of it with pieces put in, cut out or doubled."""
    path = draw(st.sampled_from(SOURCES))
    text = path.read_bytes().decode("utf-8")
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        to = min(len(text), at + draw(st.integers(0, 12)))
        text = (
            text[:at] + draw(st.one_of(PIECES, st.just(""), st.just(text[at:to] * 2))) + text[to:]
        )
    return format_of(path.name), text


@settings(max_examples=60, deadline=None)
@given(damaged())
def test_damaged_files(source):
    form, text = source
    check(importers.convert(text, "file", form), text)


@pytest.mark.parametrize("form", importers.FORMATS)
@settings(max_examples=15, deadline=None)
@given(text=st.text(max_size=200))
def test_any_text(form, text):
    check(importers.convert(text, "file", form), text)


def check(imported, text):
    printed = imported.description_yaml
    parsed = yaml.safe_load(printed)
    assert parsed or imported.faults
    assert jinja2.Template(printed, keep_trailing_newline=True).render() == printed
    last = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    assert all(1 <= fault.line <= last for fault in imported.faults)
    head = [line for line in printed.split("\n") if line.startswith("#   file:")]
    assert len(head) >= len(imported.faults)
