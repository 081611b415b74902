from __future__ import annotations

import json
import logging
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.cli.redact import redact
from reid_tracker.monitor import JsonLines


def line(message: str, *args: Any, formatter: JsonLines | None = None, **extra: Any) -> str:
    record = logging.getLogger("reid_tracker.video").makeRecord(
        "reid_tracker.video", logging.WARNING, __file__, 1, message, args, None, extra=extra
    )
    record.created = 1_700_000_000.25
    return (formatter or JsonLines()).format(record)


def test_a_line_holds_time_level_message_and_fields() -> None:
    found = json.loads(line("camera %s is gone", "door", formatter=JsonLines(host="e1"), age_s=3))
    assert found == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "warning",
        "logger": "reid_tracker.video",
        "message": "camera door is gone",
        "host": "e1",
        "age_s": 3,
    }


@pytest.mark.slow
@given(st.text(), st.recursive(st.none() | st.floats() | st.text(), st.lists))
def test_any_record_is_one_line_of_json(text: str, value: object) -> None:
    written = line("%s", text, value=value)
    assert "\n" not in written
    assert json.loads(written)["message"] == text
    json.loads(written, parse_constant=lambda name: math.nan / 0)  # NaN is no JSON


def test_passwords_are_taken_out_of_every_field() -> None:
    address = "rtsp://me:hunter2@cam/1"
    written = line("cannot open %s", address, formatter=JsonLines(redact), urls=[{"a": address}])
    assert "hunter2" not in written


def test_tracebacks_are_kept() -> None:
    logger = logging.getLogger("reid_tracker.test")
    try:
        raise ValueError("broken")
    except ValueError as error:
        information = (type(error), error, error.__traceback__)
    record = logger.makeRecord("x", logging.ERROR, __file__, 1, "failed", (), information)
    assert "ValueError: broken" in json.loads(JsonLines().format(record))["traceback"]
