"""`reid-track search --in`: a person in a video."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands.search.searches import error_line, found, run


@pytest.mark.slow
def test_in_a_video(seen: tuple[Path, list[object]], capsys: pytest.CaptureFixture[str]) -> None:
    video, (picture, *words) = seen
    rows = found(capsys, picture, *words, "--person", 2, "--in", video)
    assert len(rows) == 2
    assert rows[0]["score"] > 0.99
    assert rows[0]["score"] > rows[1]["score"]
    assert rows[0]["best_s"] < 1
    assert rows[0]["end_s"] > 3
    assert run(picture, *words, "--in", video, "--camera", "door") == 2
    assert "for galleries" in error_line(capsys)
