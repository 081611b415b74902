from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reid_tracker.config import DetectorConfig
from reid_tracker.detect import build_detector
from reid_tracker.detect.replay import ReplayDetector
from reid_tracker.errors import ConfigError, InputError
from tests.detect.samples import TUD, mot_file, picture
from tests.examples import examples

IMAGE = picture()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return mot_file(tmp_path / "det.txt")


def write(folder: Path, *lines: str) -> Path:
    path = folder / "det.txt"
    path.write_text("\n".join(lines))
    return path


def test_boxes_scores_and_classes(file: Path) -> None:
    found = ReplayDetector(file).detect(IMAGE)
    np.testing.assert_array_equal(
        found.boxes, [[11, 20, 41, 80], [-5, 40, 15, 110], [50.5, 5.25, 60.5, 25.25]]
    )
    np.testing.assert_allclose(found.scores, [0.9, 0.6, 0.25])
    assert (found.classes == 0).all()


def test_frames_follow_each_other(file: Path) -> None:
    replay = ReplayDetector(file)
    lefts = [replay.detect(IMAGE).boxes[0, 0] for _ in range(3)]
    lefts += [found.boxes[0, 0] for found in replay.detect_batch([IMAGE, IMAGE])]
    lefts.append(replay.detect(IMAGE).boxes[0, 0])
    assert lefts == [11, 12, 13, 14, 15, 16]


def test_frame_indices_count_from_zero_and_may_jump(file: Path) -> None:
    replay = ReplayDetector(file)
    strided = replay.detect_batch([IMAGE] * 3, [0, 3, 6])
    assert [found.boxes[0, 0] for found in strided] == [11, 14, 17]
    assert replay.detect(IMAGE).boxes[0, 0] == 18
    assert replay.detect(IMAGE, 1).boxes[0, 0] == 12
    assert replay.detect(IMAGE).boxes[0, 0] == 13


def test_frames_beyond_the_file_are_empty(file: Path) -> None:
    assert len(ReplayDetector(file).detect(IMAGE, 8)) == 0
    assert len(ReplayDetector(file).detect(IMAGE, 10**12)) == 0


def test_frames_in_any_order_and_gaps(tmp_path: Path) -> None:
    path = write(tmp_path, "5,-1,1,2,3,4,0.5", "2,-1,5,6,7,8,0.9", "5,-1,9,9,9,9,0.7")
    replay = ReplayDetector(path)
    assert [len(replay.detect(IMAGE)) for _ in range(6)] == [0, 1, 0, 0, 2, 0]


def test_options_apply(file: Path) -> None:
    config = DetectorConfig(model=str(file), confidence=0.5)
    assert len(build_detector(config).detect(IMAGE)) == 2
    assert len(build_detector(config, max_detections=1).detect(IMAGE)) == 1
    assert len(build_detector(file, conf=0.6, classes="person").detect(IMAGE)) == 2
    assert len(build_detector(file, conf=0.1, classes=[0]).detect(IMAGE)) == 3
    with pytest.raises(ConfigError, match="car"):
        build_detector(file, classes=["car"])


def test_raw_and_missing_confidences(tmp_path: Path) -> None:
    path = write(
        tmp_path, "1,-1,1,2,3,4,51.8", "1,-1,1,2,3,4,-1", "1,-1,1,2,3,4,-0.4", "1,-1,1,2,3,4,0.3"
    )
    np.testing.assert_allclose(ReplayDetector(path).detect(IMAGE).scores, [1, 1, 0.3, 0])
    assert len(ReplayDetector(path, confidence=0.2).detect(IMAGE)) == 3


@pytest.mark.parametrize("text", ["", "\n\n  \n"])
def test_empty_file_has_no_detections(tmp_path: Path, text: str) -> None:
    (tmp_path / "det.txt").write_text(text)
    assert len(ReplayDetector(tmp_path / "det.txt").detect(IMAGE)) == 0


def test_line_ends_blank_lines_and_spaces(tmp_path: Path) -> None:
    path = tmp_path / "det.txt"
    path.write_bytes(b"1, -1, 1, 2, 3, 4, 0.5\r\n\r\n2,-1,1,2,3,4,5e-1,-1,-1\r\n")
    replay = ReplayDetector(path)
    assert [len(replay.detect(IMAGE)) for _ in range(2)] == [1, 1]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,-1,1,2,3,4", "6 values"),
        ("1 -1 1 2 3 4 0.5", "1 values"),
        ("frame,id,left,top,width,height,conf", "not a number"),
        ("1,-1,1,2,,4,0.5", "not a number"),
        ("# comment", "1 values"),
        ("1,-1,1,2,nan,4,0.5", "not finite"),
        ("1,-1,1,2,3,4,inf", "not finite"),
        ("0,-1,1,2,3,4,0.5", "frame number"),
        ("1.5,-1,1,2,3,4,0.5", "frame number"),
        ("-3,-1,1,2,3,4,0.5", "frame number"),
        ("1e12,-1,1,2,3,4,0.5", "frame number"),
        ("1,-1,1,2,-3,4,0.5", "negative"),
        ("1,-1,1e39,2,3,4,0.5", "beyond 1e+09"),
        ("1,-1,1,2,3,1e308,0.5", "beyond 1e+09"),
        ("inf,-1,1,2,3,4,0.5", "not finite"),
    ],
)
def test_malformed_line_is_named(tmp_path: Path, line: str, problem: str) -> None:
    path = write(tmp_path, "1,-1,1,2,3,4,0.5", "", line, "2,-1,1,2,3,4,0.5")
    with pytest.raises(InputError) as caught:
        ReplayDetector(path)
    message = str(caught.value)
    assert "det.txt, line 3: " in message
    assert problem in message
    assert "\n" not in message


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.txt"):
        build_detector(tmp_path / "gone.txt")
    (tmp_path / "video.txt").write_bytes(b"\xff\xfe\x00video")
    with pytest.raises(ConfigError, match="not a text file"):
        build_detector(tmp_path / "video.txt")


rows = st.tuples(
    st.integers(1, 5), *[st.floats(-1e4, 1e4)] * 2, *[st.floats(0, 1e4)] * 2, st.floats(0, 1)
)


@settings(max_examples=examples(50), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(rows, max_size=12))
def test_what_was_written_is_replayed(tmp_path: Path, values: list[tuple[float, ...]]) -> None:
    lines = [f"{f},-1,{left!r},{top!r},{w!r},{h!r},{c!r}" for f, left, top, w, h, c in values]
    replay = ReplayDetector(write(tmp_path, *lines))
    for frame in range(1, 6):
        expected = sorted(
            [(c, left, top, left + w, top + h) for f, left, top, w, h, c in values if f == frame],
            key=lambda row: -row[0],
        )
        found = replay.detect(IMAGE)
        assert len(found) == len(expected)
        for box, score, row in zip(found.boxes, found.scores, expected, strict=True):
            np.testing.assert_allclose([score, *box], row, rtol=1e-4, atol=1e-2)


@pytest.mark.shared
def test_public_detections() -> None:
    path = TUD / "det" / "det.txt"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    replay = build_detector(path, conf=0)
    lengths = [len(replay.detect(IMAGE)) for _ in range(71)]
    assert sum(lengths) == len(path.read_text().split())


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "det.txt").write_bytes(b"\xef\xbb\xbf1,-1,1,2,3,4,0.5\r\n")
    assert len(ReplayDetector(tmp_path / "det.txt").detect(IMAGE)) == 1
