"""Runs `reid-track search` within the test."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reid_tracker.cli.main import main

ENCODER = "osnet_x0_25"
"""Untrained, with fixed random weights: enough to find a crop that is in the gallery itself."""

NOON = 1_700_000_000.0


def run(*words: object) -> int:
    return main(["search", *map(str, words)])


def found(capsys: pytest.CaptureFixture[str], *words: object) -> list[dict[str, Any]]:
    assert run(*words, "--json") == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("reid-track: error: ")
    return line
