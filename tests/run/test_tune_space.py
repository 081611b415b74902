"""The options that a search tries."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from reid_tracker.config import DeepSortConfig
from reid_tracker.errors import ConfigError
from reid_tracker.run.tune_space import (
    NOT_SEARCHED,
    NUMBERS,
    SWITCHES,
    Limits,
    search_space,
    with_values,
)

START = DeepSortConfig().suited_to(DeepSortConfig().thresholds())


def test_every_option_of_the_tracker_is_searched_or_left_out_on_purpose() -> None:
    names = [item.name for item in dataclasses.fields(DeepSortConfig)]
    assert sorted([*NUMBERS, *SWITCHES, *NOT_SEARCHED]) == sorted(names)
    hints = typing.get_type_hints(DeepSortConfig)
    assert {name for name in names if hints[name] is bool} == set(SWITCHES)


def test_the_limits_are_values_that_the_tracker_takes() -> None:
    space = search_space(START)
    assert list(space) == [
        item.name for item in dataclasses.fields(DeepSortConfig) if item.name not in NOT_SEARCHED
    ]
    for end in (0, 1):
        values = {name: axis.limits[end] for name, axis in space.items() if axis.limits}
        whole = {name: int(values[name]) for name, axis in space.items() if axis.whole}
        assert with_values(START, {**values, **whole})


def test_limits_include_the_start_and_may_be_relative_to_it() -> None:
    start = dataclasses.replace(START, max_cosine_distance=0.1, max_age_s=60.0, exit_s=0.0)
    space = search_space(start)
    assert space["max_cosine_distance"].limits == Limits(0.3 * 0.1, 2.0 * 0.1, log=True)
    assert space["max_age_s"].limits == Limits(0.5, 60.0, log=True)
    assert space["exit_s"].limits == Limits(0.0, 3.0, log=False)  # no ratio to zero
    off = dataclasses.replace(START, max_cosine_distance=1.0)
    assert search_space(off)["max_cosine_distance"].limits == Limits(0.3, 1.0, log=True)


def test_some_options_only() -> None:
    assert list(search_space(START, ["n_init", "tracker.gate_overlap"])) == [
        "gate_overlap",
        "n_init",
    ]
    for name in ("nominal_rate", "max_age"):
        with pytest.raises(
            ConfigError, match=f"^--only {name}: unknown option; expected some of min_conf"
        ):
            search_space(START, [name])


def test_values_are_set() -> None:
    assert with_values(START, {"n_init": 5, "gate_overlap": False}) == dataclasses.replace(
        START, n_init=5, gate_overlap=False
    )
