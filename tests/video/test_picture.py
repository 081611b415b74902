"""Decoded pictures as images: what the conversion costs beside its result."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest

from reid_tracker.video.picture import to_upright_bgr
from tests.conftest import write_video


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_pictures_share_the_threads_of_their_conversion(tmp_path: Path) -> None:
    with av.open(str(write_video(tmp_path / "a.mp4"))) as file:
        pictures = list(itertools.islice(file.decode(video=0), 20))
    to_upright_bgr(pictures[0])
    before = len(list(Path("/proc/self/task").iterdir()))
    images = [to_upright_bgr(picture) for picture in pictures]
    assert len(list(Path("/proc/self/task").iterdir())) <= before + 2
    for picture, image in zip(pictures, images, strict=True):
        np.testing.assert_array_equal(image, picture.to_ndarray(format="bgr24"))
