"""The check of commit messages that pre-commit runs."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

SCRIPT = ROOT / ".ci" / "commit_message.py"
SUBJECT = "Count malformed messages"
BODY = "An operator saw that some were lost, but not how many."


@pytest.fixture(scope="module")
def mistake() -> Callable[[str], str | None]:
    found: Callable[[str], str | None] = runpy.run_path(str(SCRIPT))["mistake"]
    return found


@pytest.mark.parametrize(
    "message",
    [
        f"{SUBJECT}\n\n{BODY}\n",
        f"# a comment\n{SUBJECT}\n\n# another\n{BODY}\n",
        f"{'x' * 72}\n\n{BODY}",
        "Merge branch 'main'",
    ],
)
def test_good_messages_pass(mistake: Callable[[str], str | None], message: str) -> None:
    assert mistake(message) is None


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("\n# only a comment\n", "empty"),
        (f"{'x' * 73}\n\n{BODY}", "73 characters: at most 72"),
        (f"{SUBJECT}\n{BODY}", "second line"),
        (f"{SUBJECT}\n", "no body"),
        (f"{SUBJECT}\n\n# a comment is no body\n", "no body"),
    ],
)
def test_mistakes_are_named(mistake: Callable[[str], str | None], message: str, said: str) -> None:
    assert said in str(mistake(message))


def test_a_mistake_fails_the_hook(tmp_path: Path) -> None:
    file = tmp_path / "message"
    file.write_text(SUBJECT)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("commit message: there is no body")
    assert done.stderr.count("\n") == 1
