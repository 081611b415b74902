"""The data that trackeval's metrics take: ids from zero, and sizes that are checked."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.evaluate.engine import check_pairs, load_metrics, metric_data


def test_ids_are_numbered_from_zero_in_their_order() -> None:
    data = metric_data(
        [np.array([2**60, -3]), np.array([7])], [np.array([5]), np.array([], np.int64)],
        [np.zeros((2, 1)), np.zeros((1, 0))],
    )  # fmt: skip
    assert [ids.tolist() for ids in data["gt_ids"]] == [[2, 0], [1]]
    assert [ids.tolist() for ids in data["tracker_ids"]] == [[0], []]
    assert (data["num_gt_ids"], data["num_tracker_ids"], data["num_timesteps"]) == (3, 1, 2)
    assert (data["num_gt_dets"], data["num_tracker_dets"]) == (3, 1)
    assert metric_data([], [], [])["gt_ids"] == []


def test_metrics_have_the_settings_of_the_benchmarks() -> None:
    pytest.importorskip("trackeval")
    metrics = load_metrics()
    assert metrics.clear.threshold == metrics.identity.threshold == 0.5
    assert len(metrics.hota.array_labels) == 19


def test_sizes_are_checked() -> None:
    with pytest.raises(InputError, match="20000 true and 0 found ids need 11 GiB"):
        metric_data([np.arange(20_000)], [np.empty(0, np.int64)], [np.zeros((20_000, 0))])
    check_pairs(np.full(10**6, 10), np.full(10**6, 10))
    with pytest.raises(InputError, match="need 745064 GiB to be compared"):
        check_pairs(np.full(10**6, 10**4), np.full(10**6, 10**4))
