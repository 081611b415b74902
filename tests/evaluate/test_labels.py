from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.evaluate import Labels, Samples


def test_columns_become_int64() -> None:
    labels = Labels([3, 1], np.array([1, 2], np.uint8))  # type: ignore[arg-type]
    assert labels.identities.dtype == labels.cameras.dtype == np.int64
    assert len(labels[1:]) == 1
    assert labels[np.array([False, True])].identities.tolist() == [1]


def test_empty_is_normal() -> None:
    labels = Labels([], [])  # type: ignore[arg-type]
    assert len(labels) == 0
    samples = Samples(np.empty((0, 5), np.float32), labels)
    assert len(samples.without_junk()) == 0


@pytest.mark.parametrize(
    ("identities", "cameras", "message"),
    [
        ([1, 2], [1], "2 identities but 1 cameras"),
        ([1.5], [1], "identities has fractional values"),
        ([1], [[1]], r"cameras has shape \(1, 1\)"),
        ([1, -2], [1, 1], "-2"),
        (["a"], [1], "identities"),
    ],
)
def test_bad_labels(identities: list[int], cameras: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Labels(identities, cameras)  # type: ignore[arg-type]


def test_samples_check_their_rows() -> None:
    labels = Labels(np.array([1, -1]), np.array([1, 1]))
    rows = np.eye(2, dtype=np.float32)
    assert Samples(rows, labels).without_junk().embeddings.tolist() == [[1, 0]]
    with pytest.raises(InputError, match="3 embeddings but 2 labels"):
        Samples(np.eye(3, dtype=np.float32), labels)
    with pytest.raises(InputError, match="shape"):
        Samples(np.zeros(2, np.float32), labels)
    rows[1, 0] = np.nan
    with pytest.raises(InputError, match="row 1"):
        Samples(rows, labels)
