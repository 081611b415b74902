"""Thresholds: those of a section, and an encoder's own for the others."""

from __future__ import annotations

from reid_tracker.config import DeepSortConfig, MatchConfig, Thresholds

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
