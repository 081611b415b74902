"""The JSON Schema of the messages, for people who read or write them without this package.

`python -m reid_tracker.transport.wire.schema` writes the committed file anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reid_tracker.transport.wire.codec import TYPES
from reid_tracker.transport.wire.fields import record_schema
from reid_tracker.transport.wire.messages import SCHEMA_VERSION

SCHEMA_FILE = Path(__file__).with_name(f"messages.v{SCHEMA_VERSION}.schema.json")


def json_schema() -> dict[str, Any]:
    """Return the schema of all messages.

    The codec refuses a little more, such as embeddings that are not of length 1.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"reid_tracker messages, version {SCHEMA_VERSION}",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in TYPES],
        "$defs": {name: _message(name, kind) for name, kind in TYPES.items()},
    }


def schema_text() -> str:
    """Return the content of the committed file."""
    return json.dumps(json_schema(), indent=1) + "\n"


def _message(name: str, kind: type[Any]) -> dict[str, Any]:
    schema = record_schema(kind)
    head = {"schema": {"const": SCHEMA_VERSION}, "type": {"const": name}}
    schema["properties"] = head | schema["properties"]
    schema["required"] = [*head, *schema["required"]]
    first_line = (kind.__doc__ or "").strip().splitlines()[0]
    return {"description": first_line} | schema


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
