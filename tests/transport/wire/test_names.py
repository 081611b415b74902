"""Names as parts of subjects and ids."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from reid_tracker.errors import MessageError
from reid_tracker.transport.wire.names import escape, unescape
from tests.transport.samples import NAMES


@given(NAMES)
def test_any_name_is_safe(name: str) -> None:
    part = escape(name)
    # None of these means anything to NATS or MQTT, nor to a header.
    assert re.fullmatch(r"[A-Za-z0-9_=-]+", part)
    assert unescape(part) == name


def test_an_empty_name_has_a_part_of_its_own() -> None:
    assert escape("") == "="
    assert unescape("=") == ""


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 201, "ä" * 101])
def test_names_that_no_message_may_have(name: str) -> None:
    with pytest.raises(MessageError, match=r"name = .*: Expected text"):
        escape(name)


@pytest.mark.parametrize("part", ["", "a.b", "=2f", "=41", "=FF", "=00", "a b", "x" * 201])
def test_parts_that_escape_never_makes(part: str) -> None:
    with pytest.raises(MessageError, match="is not an escaped name"):
        unescape(part)
