from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.geometry import xyxy_to_tlwh
from reid_tracker.plugins.deep_sort import create_box_encoder
from tests.plugins.samples import BOX, COLOUR, colours, encoder, host, scene, tud_campus


def test_boxes_are_tlwh_of_a_bgr_frame() -> None:
    encode = create_box_encoder(colours(), batch_size=1)
    np.testing.assert_allclose(encode(scene(), xyxy_to_tlwh(BOX))[0], COLOUR, atol=1e-6)
    np.testing.assert_allclose(encode(scene(), [30, 20, 40, 70])[0], COLOUR, atol=1e-6)
    assert encode(scene(), []).shape == (0, 3)


def test_a_box_with_a_negative_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"boxes row 1 .* expected left, top, width, height"):
        create_box_encoder(colours())(scene(), [[0, 0, 5, 5], [9, 9, -5, 5]])


@pytest.mark.slow
@pytest.mark.shared
def test_ids_are_those_with_embeddings_by_hand() -> None:
    """The tracker of deep-sort-realtime keeps the classes and calls of the first DeepSORT."""
    deep_sort = "deep_sort_realtime.deep_sort"
    metric, tracking = host(f"{deep_sort}.nn_matching"), host(f"{deep_sort}.tracker")
    detection = host(f"{deep_sort}.detection").Detection
    encode = create_box_encoder(encoder())

    def make() -> object:
        return tracking.Tracker(metric.NearestNeighborDistanceMetric("cosine", 0.2, 100))

    plugged, by_hand = make(), make()
    for image, found, embeddings in tud_campus():
        tlwh = xyxy_to_tlwh(found.boxes)
        for tracker, features in ((plugged, encode(image, tlwh)), (by_hand, embeddings)):
            tracker.predict()  # type: ignore[attr-defined]
            tracker.update(  # type: ignore[attr-defined]
                [detection(*row) for row in zip(tlwh, found.scores, features, strict=True)]
            )
        one, other = (
            [(t.track_id, t.is_confirmed()) for t in tracker.tracks]  # type: ignore[attr-defined]
            for tracker in (plugged, by_hand)
        )
        assert one == other
    assert sum(confirmed for _, confirmed in one) >= 3
