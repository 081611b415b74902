"""Crops of several callers share batches, and each caller gets its own back."""

from __future__ import annotations

from concurrent.futures import CancelledError

import numpy as np
import pytest

from reid_tracker.encode_server.batcher import Batcher
from reid_tracker.encode_server.forms import whole
from reid_tracker.errors import ReidTrackerError
from reid_tracker.types import Boxes, Embeddings, ImageBGR
from tests.encode_server.samples import MeanColour
from tests.waiting import PATIENCE_S


def images(*blues: int) -> list[ImageBGR]:
    return [np.full((4, 4, 3), (blue, 1, 0), np.uint8) for blue in blues]


def test_what_waits_is_encoded_together_and_given_back_apart() -> None:
    encoder = MeanColour()
    encoder.go_on.clear()
    with Batcher(encoder, most_crops=4) as batcher:
        asked = [images(1)]
        futures = [batcher.submit(asked[0], whole(asked[0]))]
        assert encoder.busy.wait(PATIENCE_S)
        for blues in ((2, 3), (4,), (5, 6), (7,)):
            asked.append(images(*blues))
            futures.append(batcher.submit(asked[-1], whole(asked[-1])))
        encoder.go_on.set()
        rows = [np.concatenate(future.result(PATIENCE_S)) for future in futures]
    assert encoder.batches == [[1], [1, 1, 1], [1, 1, 1]]
    for pictures, found in zip(asked, rows, strict=True):
        expected = encoder.encode_batch(pictures, whole(pictures))
        np.testing.assert_array_equal(found, np.concatenate(expected))


def test_a_request_larger_than_a_batch_is_one_batch() -> None:
    with Batcher(MeanColour(), most_crops=2) as batcher:
        many = images(*range(1, 6))
        assert len(batcher.submit(many, whole(many)).result(PATIENCE_S)) == 5


def test_an_error_goes_to_its_callers_and_the_thread_goes_on() -> None:
    class Fails(MeanColour):
        def encode_batch(self, images: object, boxes: object) -> list[Embeddings]:
            raise RuntimeError("no memory")

    with Batcher(Fails()) as batcher:
        for _ in range(2):
            one = images(1)
            with pytest.raises(RuntimeError, match="no memory"):
                batcher.submit(one, whole(one)).result(PATIENCE_S)
        assert batcher.healthy


def test_a_caller_who_left_costs_nothing() -> None:
    encoder = MeanColour()
    encoder.go_on.clear()
    with Batcher(encoder) as batcher:
        one = images(1)
        first = batcher.submit(one, whole(one))
        assert encoder.busy.wait(PATIENCE_S)
        left = batcher.submit(one, whole(one))
        assert left.cancel()
        encoder.go_on.set()
        first.result(PATIENCE_S)
    assert encoder.batches == [[1]]


def test_closing_cancels_what_waits_and_refuses_more() -> None:
    encoder = MeanColour()
    encoder.go_on.clear()
    batcher = Batcher(encoder)
    one = images(1)
    running = batcher.submit(one, whole(one))
    assert encoder.busy.wait(PATIENCE_S)
    waits = batcher.submit(one, whole(one))
    encoder.go_on.set()
    batcher.close()
    assert len(running.result(PATIENCE_S)) == 1
    try:  # the thread may have taken it just before
        waits.result(PATIENCE_S)
    except CancelledError:
        assert waits.cancelled()
    boxes: list[Boxes] = whole(one)
    with pytest.raises(ReidTrackerError, match="stops"):
        batcher.submit(one, boxes).result(PATIENCE_S)
    assert not batcher.healthy
