"""torchcodec's pixels against PyAV's, by colour range and format.

torchcodec takes FFmpeg's libraries from the system. Where it has none, the tests lend it those in
PyAV's wheel, under the names that it looks for; only a new process finds them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from reid_tracker.errors import MissingDependencyError, SourceError
from reid_tracker.video.on_device import open_on_device
from tests.conftest import ROOT

KINDS = [
    ("yuv420p", "mpeg", "bt709"),
    ("yuv420p", "jpeg", "bt709"),
    ("yuv420p", "mpeg", "smpte170m"),
    ("yuv422p", "mpeg", "smpte170m"),
    ("yuv444p", "mpeg", "bt709"),
    ("yuv420p10le", "mpeg", "bt709"),
]
_RANGES = {"mpeg": 1, "jpeg": 2}
_SPACES = {"bt709": 1, "smpte170m": 6}

_COMPARE = """
import sys
import numpy as np
from reid_tracker import open_source
from reid_tracker.video.on_device import open_on_device
for path in sys.argv[1:]:
    with open_source(path) as host, open_on_device(path, "cpu") as device:
        assert (device.info.width, device.info.height) == (host.info.width, host.info.height)
        pairs = list(zip(host, device, strict=True))
    worst = 0
    for wanted, found in pairs:
        assert found.index == wanted.index
        assert abs(found.timestamp_s - wanted.timestamp_s) < 1e-5, (found, wanted)
        difference = np.abs(found.image.astype(int) - wanted.image)
        worst = max(worst, float(np.percentile(difference, 99)))
    print(len(pairs), worst)
"""


@pytest.fixture
def libraries(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which torchcodec finds FFmpeg, or skip."""
    pytest.importorskip("torch")
    try:
        import importlib.util

        found = importlib.util.find_spec("torchcodec")
    except ImportError:
        found = None
    if found is None:
        pytest.skip("needs torchcodec")
    bundled = Path(av.__file__).parents[1] / "av.libs"
    for library in bundled.glob("lib*.so.*") if bundled.is_dir() else []:
        if name := re.fullmatch(r"(lib[a-z]+)-[0-9a-f]{8}(\.so\.\d+).*", library.name):
            (tmp_path / (name[1] + name[2])).symlink_to(library)
    path = os.pathsep.join([str(tmp_path), str(bundled)])
    return os.environ | {"LD_LIBRARY_PATH": path, "PYTHONPATH": str(ROOT)}


def write(path: Path, pixel_format: str, color_range: str, space: str) -> Path:
    """Write a clip of soft colours with its kind of pixels in the header."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "8"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixel_format
        context = stream.codec_context
        context.color_range, context.colorspace = _RANGES[color_range], _SPACES[space]
        y, x = np.mgrid[:64, :96]
        for index in range(6):
            image = np.stack([x * 2, y * 3, (x + y + 8 * index) % 160], axis=2).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(image, "bgr24").reformat(
                format=pixel_format,
                dst_colorspace=_SPACES[space],
                dst_color_range=_RANGES[color_range],
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.slow
def test_pixels_and_times_are_those_of_the_cpu(libraries: dict[str, str], tmp_path: Path) -> None:
    clips = [write(tmp_path / f"{'_'.join(kind)}.mp4", *kind) for kind in KINDS]
    done = subprocess.run(
        [sys.executable, "-c", _COMPARE, *map(str, clips)],
        env=libraries,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    if "MissingDependencyError" in done.stderr:
        pytest.skip("torchcodec finds no FFmpeg of a version that it knows")
    assert done.returncode == 0, done.stderr
    results = [line.split() for line in done.stdout.splitlines()]
    assert [int(frames) for frames, _ in results] == [6] * len(KINDS)
    worst = dict(zip(KINDS, (float(number) for _, number in results), strict=True))
    eight_bits = {kind: number for kind, number in worst.items() if "10" not in kind[0]}
    assert max(eight_bits.values()) <= 1, worst
    assert max(worst.values()) <= 6, worst  # ten bits are rounded to eight in another order


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'reid-tracker\[torchcodec\]'"):
        open_on_device(tmp_path / "video.mp4")


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Torchcodec:
        decoders = None

    monkeypatch.setitem(sys.modules, "torchcodec", Torchcodec)
    with pytest.raises(SourceError, match="expected a video file"):
        open_on_device(tmp_path / "video.mp4", "cpu")
