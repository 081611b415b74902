"""Fixtures for many tests: reference data that may be missing, and small synthetic videos."""

from __future__ import annotations

import gc
import itertools
import logging
import os
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# One thread each: the arrays of tests are small, and two workers of pytest-xdist share the cores.
# It is set before torch and its like are imported, and holds for the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("busy", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # no time limit, since the machine may be busy

gc.disable()  # until all tests are collected, which creates many objects and frees few

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"

FRAMES, RATE, WIDTH, HEIGHT = 40, 10, 320, 240


SPEEDS = ("quick", "slow", "long")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test as quick that is neither slow nor long; -m chooses among the three."""
    for item in items:
        speeds = [name for name in SPEEDS if item.get_closest_marker(name)]
        if len(speeds) > 1:
            raise pytest.UsageError(f"{item.nodeid} is marked {' and '.join(speeds)}: leave one")
        if not speeds:
            item.add_marker("quick")


@pytest.hookimpl(optionalhook=True)  # without pytest-xdist, one process runs all
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """A worker for each core where the whole suite runs; files that are named need none."""
    return None if config.args == config.getini("testpaths") else 0


def pytest_collection_finish() -> None:
    """Keep what collection made out of every later round of the garbage collector."""
    gc.collect()
    gc.freeze()
    gc.enable()


class Clock:
    """A clock that a test sets."""

    def __init__(self, now_s: float = 1_700_000_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(autouse=True)
def logger_as_it_was() -> Iterator[None]:
    """Restore the package's logger, so that later tests are not affected."""
    logger = logging.getLogger("reid_tracker")
    before = logger.level, logger.propagate, list(logger.handlers)
    yield
    after = logger.level, logger.propagate, list(logger.handlers)
    logger.setLevel(before[0])
    logger.propagate = before[1]
    assert after == before


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Paths for one folder after another; numbering them with mktemp lists all earlier ones."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def own_downloads(homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty download folder, so that "auto" does not depend on the user."""
    home = next(homes)
    home.mkdir()
    monkeypatch.setenv("REID_TRACKER_HOME", str(home))
    return home / "weights"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of one megabyte, if mounting is allowed."""
    place = tmp_path / "small"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("needs to mount a file system")
    yield place
    # Also where a process of a test that failed still has a file of it open.
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def shared(*parts: str) -> Path:
    """Return a path of the reference material, or skip the test and say what is missing."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs {path}")
    return path


def walker_boxes(frame: int) -> np.ndarray:
    """Boxes, (2, 4) float32 xyxy, of two people who walk past each other on different lanes."""
    left, right = 10 + 5 * frame, 260 - 5 * frame
    return np.array([[left, 40, left + 40, 140], [right, 120, right + 40, 220]], np.float32)


def write_video(path: Path, frames: int = FRAMES, rate: Fraction = Fraction(RATE)) -> Path:
    """Write a clip of the two walkers, a red one and a blue one, on grey."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(frames):
            image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
            for box, colour in zip(
                walker_boxes(index % FRAMES).astype(int), ((0, 0, 220), (220, 0, 0)), strict=True
            ):
                left, top, right, bottom = np.clip(box, 0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
                image[top:bottom, left:right] = colour
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def write_detections(path: Path, frames: int = FRAMES, skip: tuple[int, ...] = ()) -> Path:
    """Write the walkers' boxes as a MOTChallenge detection file; frames in `skip` have none."""
    lines = []
    for frame in range(frames):
        if frame in skip:
            continue
        for left, top, right, bottom in walker_boxes(frame % FRAMES):
            lines.append(f"{frame + 1},-1,{left},{top},{right - left},{bottom - top},0.9")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def walkers(tmp_path: Path) -> tuple[Path, Path]:
    """A video of two walkers and its detection file."""
    return write_video(tmp_path / "walkers.mp4"), write_detections(tmp_path / "walkers_det.txt")
