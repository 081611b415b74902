"""The tracker options that `reid-track tune` searches, and their limits."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from reid_tracker.config import DeepSortConfig
from reid_tracker.config.checked import from_mapping, shown
from reid_tracker.errors import ConfigError

Value = bool | int | float


class Limits(NamedTuple):
    """Limits of a number.

    Attributes:
        low: lowest.
        high: highest.
        log: whether the search is on a logarithmic scale.
        relative: whether the limits are multiples of the start value.
    """

    low: float
    high: float
    log: bool = False
    relative: bool = False


SWITCHES = ("cascade", "gate_overlap", "camera_motion", "confirm_first", "steady_size")
NUMBERS = {
    "min_confidence": Limits(0.1, 0.6),
    "high_confidence": Limits(0.3, 0.9),
    "max_cosine_distance": Limits(0.3, 2.0, log=True, relative=True),  # encoders differ in scale
    "motion_weight": Limits(0.0, 0.5),
    "max_iou_distance": Limits(0.5, 0.95),
    "gate_probability": Limits(0.8, 0.999),
    "nn_budget": Limits(5, 200, log=True),
    "n_init": Limits(1, 6),
    "max_age_s": Limits(0.5, 10.0, log=True),
    "exit_s": Limits(0.1, 3.0, log=True),
    "duplicate_cover": Limits(0.6, 1.0),
    "whole_below": Limits(0.5, 1.0),
    "coast_s": Limits(0.0, 0.5),
    "hidden_s": Limits(0.0, 2.0),
    "recover_s": Limits(0.0, 60.0),
    "matched_weight": Limits(0.0, 1.0),
    "std_weight_position": Limits(0.01, 0.2, log=True),
    "std_weight_velocity": Limits(0.001, 0.05, log=True),
    "std_weight_measurement": Limits(0.03, 0.5, log=True),
}
NOT_SEARCHED = ("nominal_rate", "encode")
"""Left out: the unit of the noise weights, and options without effect with embeddings."""


@dataclass(frozen=True)
class Axis:
    """An option to search: a number, or a switch if it has no limits.

    Attributes:
        start: its value at the start, within the limits.
        limits: lowest and highest value.
        whole: whether it is a whole number.
    """

    start: Value
    limits: Limits | None = None
    whole: bool = False


def search_space(start: DeepSortConfig, only: Iterable[str] = ()) -> dict[str, Axis]:
    """Return the options to search, by name.

    Args:
        start: where the search starts, with all thresholds.
        only: names of the options to search, also with "tracker." in front; empty means all.

    Raises:
        ConfigError: a name is unknown.
    """
    names = [name.removeprefix("tracker.") for name in only]
    for name in names:
        if name not in NUMBERS and name not in SWITCHES:
            raise ConfigError(
                f"--only {shown(name, str)}: unknown option; expected some of "
                f"{', '.join([*NUMBERS, *SWITCHES])}"
            )
    hints = typing.get_type_hints(DeepSortConfig)
    bounds = {item.name: item.metadata for item in dataclasses.fields(DeepSortConfig)}
    space: dict[str, Axis] = {}
    for name in bounds:
        value = getattr(start, name)
        if names and name not in names:
            continue
        if name in SWITCHES:
            space[name] = Axis(value)
        elif name in NUMBERS:
            limits = NUMBERS[name]
            scale = value if limits.relative else 1
            low = max(min(limits.low * scale, value), bounds[name]["low"])
            high = min(max(limits.high * scale, value), bounds[name]["high"])
            log = limits.log and low > 0
            space[name] = Axis(value, Limits(low, high, log), whole=hints[name] is int)
    return space


def with_values(start: DeepSortConfig, values: Mapping[str, Value]) -> DeepSortConfig:
    """Return the start with some values replaced."""
    return from_mapping(DeepSortConfig, {**dataclasses.asdict(start), **values})
