"""Pictures of thresholds between two kinds of values."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.explain.threshold_plot import Separation, draw_separations


@pytest.mark.slow
def test_each_separation_gets_a_panel_with_its_curves_and_thresholds() -> None:
    rng = np.random.default_rng(0)
    kinds = {"low": rng.normal(0.3, 0.1, 200), "high": rng.normal(0.7, 0.1, 300)}
    one = Separation("Values", "unit", kinds, {"between": 0.5})
    same = Separation("Constants", "unit", {"low": np.ones(3), "high": np.ones(4)}, {"at": 1.0})
    alone = draw_separations([one], "Thresholds").pixels()
    both = draw_separations([one, same], "Thresholds").pixels()
    assert both.shape[0] > alone.shape[0] + 200
    assert len(np.unique(alone.reshape(-1, alone.shape[-1]), axis=0)) > 50
    moved = Separation("Values", "unit", kinds, {"between": 0.2})
    assert (draw_separations([moved], "Thresholds").pixels() != alone).any()
