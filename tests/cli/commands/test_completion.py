"""The completion scripts: bash completes with it, the others hold every command."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reid_tracker.cli.main import COMMANDS, main

pytest.importorskip("shtab")


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_scripts_name_all_commands(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(command.name in script for command in COMMANDS)


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("reid-track sea", "search"),
        ("reid-track gallery for", "forget"),
        ("reid-track track --save-m", "--save-mot"),
        ("reid-track edge --rot", "--rotate-h"),
        ("reid-track eval-mtmc tru", "truth.txt"),
    ],
)
def test_bash_completes(
    typed: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", "bash"]) == 0
    words = typed.split(" ")
    (tmp_path / "truth.txt").write_text("")
    script = capsys.readouterr().out + (
        f"\nCOMP_WORDS=({typed})\nCOMP_CWORD={len(words) - 1}\n"
        '_shtab_reid_track reid-track "${COMP_WORDS[COMP_CWORD]}"\n'
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash"], input=script, cwd=tmp_path, capture_output=True, check=False, text=True
    )
    assert expected in [word.strip() for word in done.stdout.splitlines()], done.stderr


def test_without_shtab_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 1
    assert "pip install 'reid-tracker[completion]'" in capsys.readouterr().err
