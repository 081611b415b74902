"""Thresholds: those of a section, and an encoder's own for the others."""

from __future__ import annotations

import pytest

from reid_tracker.config import DeepSortConfig, MatchConfig, Thresholds
from reid_tracker.errors import ConfigError

_ENCODER = Thresholds(max_cosine_distance=0.42, tight=0.1, loose=0.2, margin=0.01)


def test_the_thresholds_of_a_section_precede_those_of_the_encoder() -> None:
    chosen = MatchConfig(tight=0.15).thresholds(_ENCODER)
    assert (chosen.tight, chosen.loose, chosen.margin) == (0.15, 0.2, 0.01)


def test_without_an_encoder_the_measured_defaults_are_used() -> None:
    assert MatchConfig().thresholds() == Thresholds()
    assert DeepSortConfig(max_cosine_distance=0.5).thresholds().max_cosine_distance == 0.5


def test_a_section_suited_to_an_encoder_names_its_distances() -> None:
    suited = MatchConfig(loose=0.3).suited_to(_ENCODER)
    assert (suited.tight, suited.loose, suited.margin) == (0.1, 0.3, 0.01)
    assert suited.min_hits == MatchConfig().min_hits
    assert DeepSortConfig().suited_to(_ENCODER).max_cosine_distance == 0.42


@pytest.mark.parametrize(
    ("encode", "every_s"), [("always", None), ("auto", 1.0), ("every:2", 2.0), ("every:0.5", 0.5)]
)
def test_encode_names_a_policy(encode: str, every_s: float | None) -> None:
    assert DeepSortConfig(encode=encode).encode_every_s == every_s


@pytest.mark.parametrize(
    "encode", ["", "never", "every", "every:", "every:0", "every:nan", "all:2"]
)
def test_other_policies_are_refused(encode: str) -> None:
    with pytest.raises(ConfigError, match="expected auto, always or every:SECONDS"):
        DeepSortConfig(encode=encode)
