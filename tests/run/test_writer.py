"""Results reach the outputs of their camera, with heads blurred first if asked."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.run.writer import ResultWriter, Write
from reid_tracker.types import FrameResult
from tests.sink.results import make_result, make_tracks


def test_each_camera_has_its_own_outputs_in_order() -> None:
    seen: list[tuple[str, str]] = []

    def note(output: str) -> Write:
        return lambda result: seen.append((output, result.camera))

    outputs = {"door": [note("a"), note("b")], "hall": [note("c")]}
    writer = ResultWriter(outputs, blur_heads=False)
    for camera in ("door", "hall"):
        writer.write(make_result(0, camera=camera))
    assert seen == [("a", "door"), ("b", "door"), ("c", "hall")]


@pytest.mark.parametrize("blur", [False, True])
def test_heads_are_blurred_before_any_output(blur: bool) -> None:
    image = np.random.default_rng(0).integers(0, 256, (240, 320, 3)).astype(np.uint8)
    taken: list[FrameResult] = []
    writer = ResultWriter({"cam": [taken.append, taken.append]}, blur_heads=blur)
    writer.write(make_result(0, make_tracks((1,), [[100.0, 80, 160, 200]]), image))
    for result in taken:
        head = (slice(85, 100), slice(105, 155))
        assert (result.frame.image[head] != image[head]).any() == blur
        assert (result.frame.image[150:] == image[150:]).all()
