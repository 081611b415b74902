"""Check a commit message: a short subject, an empty line, and a body that says why.

pre-commit calls it with the file that holds the message; lines that begin with # are comments.
"""

from __future__ import annotations

import sys
from pathlib import Path

SUBJECT_LIMIT = 72
BY_GIT = ("Merge ", "Revert ", "fixup! ", "squash! ")


def mistake(message: str) -> str | None:
    """Return what is wrong with a message, or None."""
    lines = [line.rstrip() for line in message.splitlines() if not line.startswith("#")]
    subject, *rest = "\n".join(lines).strip().split("\n")
    if not subject:
        return "the message is empty: write a subject and a body"
    if subject.startswith(BY_GIT):
        return None
    if len(subject) > SUBJECT_LIMIT:
        return f"the subject has {len(subject)} characters: at most {SUBJECT_LIMIT}"
    if rest and rest[0]:
        return "the second line is not empty: leave one line between subject and body"
    if not any(rest):
        return "there is no body: say in a sentence or two why the change is made"
    return None


if __name__ == "__main__":
    found = mistake(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if found is not None:
        sys.exit(f"commit message: {found}")
