"""Accuracy on real sequences does not fall below what was measured."""

from __future__ import annotations

import pytest

from reid_tracker.track import build_tracker
from tests.benchmarks.mot_cached import SEQUENCES, CachedSequence, track
from tests.benchmarks.mot_scores import read_mot, score

LEAST = {"PETS09-S2L1": (65, 89), "TUD-Campus": (61, 84)}


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.golden
@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: str(sequence.name))
def test_tracks_of_real_sequences(sequence: CachedSequence) -> None:
    pytest.importorskip("trackeval")
    for path in (sequence.cache, sequence.truth):
        if not path.is_file():
            pytest.skip(f"needs {path}")
    scores = score(read_mot(sequence.truth), track(sequence, build_tracker()))
    least_hota, least_idf1 = LEAST[sequence.name]
    assert scores["HOTA"] >= least_hota
    assert scores["IDF1"] >= least_idf1
