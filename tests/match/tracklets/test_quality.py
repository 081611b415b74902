"""Which embeddings of a frame count."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.geometry import covered
from reid_tracker.match.tracklets.quality import qualities
from tests.match.worlds import tracks


def test_hidden_people_and_weak_detections_are_no_good_looks() -> None:
    boxes = np.array([[0, 0, 40, 100], [0, 40, 40, 140], [200, 0, 240, 90]])
    assert covered(boxes.astype(np.float32)).tolist() == pytest.approx([0.6, 0, 0])
    seen = tracks([1, 2, 3], boxes)
    seen.scores[2] = 0.3
    assert qualities(seen, 0.5, 0.3).tolist() == pytest.approx([0, 0.9, 0])
    assert qualities(seen[:0], 0.5, 0.3).tolist() == []
