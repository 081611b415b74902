"""The JSON Schema of the messages, for programs that read or write them without this package.

`python -m reid_tracker.transport.wire.schema` updates the committed file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from reid_tracker.transport.wire.codec import TYPES
from reid_tracker.transport.wire.embeddings import VECTORS_SCHEMA
from reid_tracker.transport.wire.messages import SCHEMA_VERSION

SCHEMA_FILE = Path(__file__).with_name(f"messages.v{SCHEMA_VERSION}.schema.json")


def json_schema() -> dict[str, Any]:
    """Return the schema of all messages.

    The codec checks slightly more than the schema can: it also refuses embeddings whose length is
    not 1.
    """
    _, parts = msgspec.json.schema_components(
        TYPES.values(), schema_hook=lambda _: VECTORS_SCHEMA, ref_template="#/$defs/{name}"
    )
    for part in parts.values():
        for name, field in part["properties"].items():
            if "anyOf" in field:  # a missing value is left out and never sent as null
                part["properties"][name] = field["anyOf"][0]
        part["description"] = part["description"].splitlines()[0]
    for name, kind in TYPES.items():
        head = {"schema": {"const": SCHEMA_VERSION}, "type": {"const": name}}
        part = parts[kind.__name__]
        part["properties"] = head | part["properties"]
        part["required"] = [*head, *part["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"reid_tracker messages, version {SCHEMA_VERSION}",
        "oneOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in TYPES.values()],
        "$defs": parts,
    }


def schema_text() -> str:
    """Return the content of the committed file."""
    return json.dumps(json_schema(), indent=1) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
