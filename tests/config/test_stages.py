"""The thresholds that a section sets stand; an encoder's own fill the rest."""

from __future__ import annotations

from reid_tracker.config import DeepSortConfig, MatchConfig, Thresholds

_ENCODER = Thresholds(max_cosine_distance=0.42, tight=0.1, loose=0.2, margin=0.01)


def test_what_a_section_sets_stands_before_the_encoders_thresholds() -> None:
    chosen = MatchConfig(tight=0.15).thresholds(_ENCODER)
    assert (chosen.tight, chosen.loose, chosen.margin) == (0.15, 0.2, 0.01)


def test_without_an_encoder_the_measured_defaults_hold() -> None:
    assert MatchConfig().thresholds() == Thresholds()
    assert DeepSortConfig(max_cosine_distance=0.5).thresholds().max_cosine_distance == 0.5


def test_a_section_suited_to_an_encoder_names_its_distances() -> None:
    suited = MatchConfig(loose=0.3).suited_to(_ENCODER)
    assert (suited.tight, suited.loose, suited.margin) == (0.1, 0.3, 0.01)
    assert suited.min_hits == MatchConfig().min_hits
    assert DeepSortConfig().suited_to(_ENCODER).max_cosine_distance == 0.42
