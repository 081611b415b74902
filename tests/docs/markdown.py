"""The fenced blocks of README.md and docs/, and what their markers ask of the test.

A marker is a comment on the line before a block:

    <!-- test: slow -->         the block runs with the slow tests
    <!-- test: skip REASON -->  the block does not run, and says why not

A block without a marker runs in the quick round.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN = ("python", "sh")
DATA = ("yaml", "promql", "text", "js")
"""Languages of blocks that are not run. YAML that begins with `# NAME.yaml` becomes that file."""

_FENCE = re.compile(r"^```(\w*)$")
_MARKER = re.compile(r"^<!-- test: (slow|skip)(?: (.*))? -->$")


@dataclass(frozen=True)
class Block:
    """One fenced block; `mode` is "quick", "slow" or "skip"."""

    page: Path
    line: int
    language: str
    text: str
    mode: str
    reason: str

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path, text: str | None = None) -> list[Block]:
    """Return the blocks of a page in order; `text` replaces what the file holds."""
    lines = (page.read_text(encoding="utf-8") if text is None else text).splitlines()
    blocks: list[Block] = []
    mode, reason, language, start = "quick", "", "", 0
    for number, line in enumerate(lines, 1):
        if start:
            if line == "```":
                body = "\n".join(lines[start : number - 1]) + "\n"
                blocks.append(Block(page, start, language, body, mode, reason))
                mode, reason, start = "quick", "", 0
        elif fence := _FENCE.match(line):
            language, start = fence[1], number
        elif marker := _MARKER.match(line):
            mode, reason = marker[1], marker[2] or ""
        elif line.startswith("<!-- test:"):
            raise AssertionError(f"{page}:{number}: no such marker: {line}")
        elif line and mode != "quick":
            raise AssertionError(f"{page}:{number}: a marker stands directly before its block")
    assert not start, f"{page}: a block has no end"
    return blocks
