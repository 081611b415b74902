"""The published JSON Schema."""

from __future__ import annotations

import jsonschema

from reid_tracker.transport.wire.schema import SCHEMA_FILE, json_schema, schema_text


def test_committed_schema_is_that_of_the_code() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), (
        "run `python -m reid_tracker.transport.wire.schema`"
    )
    jsonschema.Draft202012Validator.check_schema(json_schema())
