"""Sheets of gate profiles and clusters: the crops they show, and images that do not fit."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.explain import (
    cluster_gates,
    gate_cluster_sheet,
    gate_profile_sheet,
    record_gates,
)
from tests.explain.synthetic import pictures, tiny_net
from tests.explain.test_gates import made_record


@pytest.mark.slow
def test_sheets_show_the_crops() -> None:
    record, images = made_record(), [np.full((9, 5, 3), (250, 20, 10), np.uint8)] * 18
    profiles = gate_profile_sheet(record, images, count=7).pixels()
    assert (profiles == (10, 20, 250)).all(axis=2).sum() == 7 * 192 * 96
    clusters = gate_cluster_sheet(record, images, cluster_gates(record, 3)).pixels()
    assert (clusters == (10, 20, 250)).all(axis=2).sum() == 3 * 6 * 160 * 80
    assert max(profiles.shape[1], clusters.shape[1]) <= 2000


@pytest.mark.slow
def test_a_person_is_drawn_once() -> None:
    record, images = made_record(), [np.full((9, 5, 3), (250, 20, 10), np.uint8)] * 18
    people = np.repeat([5, 2, 9], 6)
    drawn = gate_profile_sheet(record, images, identities=people, count=7).pixels()
    assert (drawn == (10, 20, 250)).all(axis=2).sum() == 3 * 192 * 96


def test_sheets_of_another_number_of_images() -> None:
    record = made_record()
    with pytest.raises(InputError, match="got 2 images and a record of 18"):
        gate_profile_sheet(record, pictures(2))
    with pytest.raises(InputError, match="got 2 images and a record of 18"):
        gate_cluster_sheet(record, pictures(2), cluster_gates(record, 3))


@pytest.mark.slow
def test_one_image_alone() -> None:
    images = pictures(1)
    record = record_gates(tiny_net(), images)
    assert gate_profile_sheet(record, images).pixels().shape[2] == 3
    assert gate_cluster_sheet(record, images, cluster_gates(record)).pixels().shape[2] == 3
