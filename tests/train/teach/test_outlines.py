from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reid_tracker.train.images import MemoryCrops
from reid_tracker.train.teach import outlines
from reid_tracker.train.teach.outlines import find_outlines


def test_outlines_are_found_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crops = np.full((3, 128, 64, 3), 60, np.uint8)
    crops[:, 8:122, 14:50] = (40, 40, 210)
    crops += np.random.default_rng(0).integers(0, 12, crops.shape, dtype=np.uint8)
    first = find_outlines(MemoryCrops(crops), range(1, 3), tmp_path)
    assert first.shape == (2, 128, 64)
    assert set(np.unique(first)) == {0, 255}
    person = first[:, 8:122, 14:50] > 0
    assert person.mean() > 0.9
    assert (first > 0).sum() < 1.1 * person.sum()
    monkeypatch.setattr(outlines, "outline_person", lambda *_, **__: pytest.fail("found again"))
    again = find_outlines(MemoryCrops(crops), range(1, 3), tmp_path)
    assert np.array_equal(first, again)
