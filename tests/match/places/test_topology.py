"""Topology and homographies: what YAML says, what cannot be, and the tables that come of it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from reid_tracker.errors import ConfigError
from reid_tracker.match import (
    Passage,
    Topology,
    load_topology,
    save_topology,
)
from tests.examples import examples

some = settings(max_examples=examples(50), deadline=None, derandomize=True)

KNOWN = Topology(
    passages=(
        Passage(("door", "hall"), min_s=2.0, max_s=30.0),
        Passage(("hall", "stairs"), overlap=True),
        Passage(("door", "door"), min_s=1.0, max_s=90.0),
    ),
    returning_s=60.0,
    unlisted="closed",
)


def test_tables_say_what_the_passages_say() -> None:
    times = KNOWN.travel_times(["stairs", "door", "hall", "yard"])
    assert times.min_s[1, 2] == times.min_s[2, 1] == 2.0
    assert times.max_s[1, 2] == 30.0
    assert not times.overlap[1, 2]
    assert times.overlap[0, 2]
    assert times.overlap[2, 0]
    assert times.max_s[0, 2] == math.inf
    assert times.max_s[0, 1] == times.max_s[3, 0] == -math.inf
    assert (times.min_s[1, 1], times.max_s[1, 1]) == (1.0, 90.0)
    assert times.max_s[0, 0] == times.max_s[3, 3] == 60.0
    assert not times.overlap.diagonal().any()


def test_who_knows_nothing_forbids_nothing_across_cameras() -> None:
    times = Topology().travel_times(["a", "b"])
    assert times.overlap.tolist() == [[False, True], [True, False]]
    assert (times.min_s == 0).all()
    assert np.isposinf(times.max_s).all()


def test_yaml_comes_back_as_it_was(tmp_path: Path) -> None:
    save_topology(KNOWN, tmp_path / "site.yaml")
    assert load_topology(tmp_path / "site.yaml") == KNOWN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("passages: [{between: [a]}]", r"between = \[a\]: expected two cameras"),
        (
            f"passages: [{{between: [{'a, ' * 3000}]}}]",
            r"between = \[a, a, .{90,200}\]: expected two",
        ),
        ("passages: [{between: [a, b], min_s: 5, max_s: 2}]", "max_s = 2: expected at least min_s"),
        ("passages: [{between: [a, b], min_s: 5, overlap: true}]", "expected 0, since the views"),
        ("passages: [{between: [a, b]}, {between: [b, a]}]", "listed twice"),
        ("passages: [{betweens: [a, b]}]", "did you mean 'passages.between'"),
        ("unlisted: maybe", "expected 'open' or 'closed'"),
        ("returning_s: -1", "expected a number at least 0"),
        ("[]", "expected 'key: value' lines"),
    ],
)
def test_what_cannot_be_is_one_line_that_names_the_file(
    text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "site.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message) as error:
        load_topology(tmp_path / "site.yaml")
    assert "site.yaml" in str(error.value)
    assert "\n" not in str(error.value)
