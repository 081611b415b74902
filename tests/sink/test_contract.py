"""What holds for every kind of sink."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reid_tracker.errors import OutputError
from reid_tracker.sink import Sink
from reid_tracker.sink.base import BaseSink
from reid_tracker.sink.crops.tracks import CropSink
from reid_tracker.sink.text.csv_rows import CsvSink
from reid_tracker.sink.text.json_lines import JsonlSink
from reid_tracker.sink.text.mot_text import MotSink
from reid_tracker.sink.video.writer import VideoSink
from reid_tracker.types import Tracks
from tests.sink.results import INFO, link_to_full_disk, make_result
from tests.waiting import PATIENCE_S


def open_video(path: Path, *, overwrite: bool = False) -> VideoSink:
    return VideoSink(path, INFO, overwrite=overwrite)


KINDS: dict[str, Callable[..., BaseSink]] = {
    "out.mp4": open_video,
    "out.txt": MotSink,
    "out.jsonl": JsonlSink,
    "out.csv": CsvSink,
    "out_crops": CropSink,
}

Opener = Callable[..., BaseSink]


@pytest.fixture(params=KINDS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


@pytest.fixture
def opener(path: Path) -> Opener:
    return KINDS[path.name]


def contents(path: Path) -> dict[str, bytes]:
    files = path.rglob("*") if path.is_dir() else [path]
    return {str(file.relative_to(path)): file.read_bytes() for file in files if file.is_file()}


def fill(sink: BaseSink, frames: int = 8) -> None:
    with sink:
        for index in range(frames):
            sink.write(make_result(index))


def test_is_a_sink(path: Path, opener: Opener) -> None:
    with opener(path) as sink:
        assert isinstance(sink, Sink)
        assert sink.path == path


def test_equal_results_give_equal_bytes(path: Path, opener: Opener) -> None:
    fill(opener(path))
    first = contents(path)
    assert all(first.values())
    fill(opener(path, overwrite=True))
    assert contents(path) == first


def test_refuses_to_overwrite(path: Path, opener: Opener) -> None:
    fill(opener(path))
    before = contents(path)
    with pytest.raises(OutputError, match="--overwrite") as caught:
        opener(path)
    assert str(path) in str(caught.value)
    assert contents(path) == before


def test_overwrites_when_told_to(path: Path, opener: Opener) -> None:
    fill(opener(path), frames=60)
    long = contents(path)
    fill(opener(path, overwrite=True), frames=2)
    assert sum(map(len, contents(path).values())) < sum(map(len, long.values()))


def test_folder_that_cannot_be_written(path: Path, opener: Opener) -> None:
    file = path.parent / "file"
    file.write_text("")
    for bad in (file / path.name, path.parent / "missing" / path.name, Path("/proc/x") / path.name):
        with pytest.raises(OutputError, match="cannot write") as caught:
            opener(bad)
        assert "\n" not in str(caught.value)


def test_closing_twice_is_harmless(path: Path, opener: Opener) -> None:
    sink = opener(path)
    sink.write(make_result())
    sink.close()
    before = contents(path)
    sink.close()
    assert contents(path) == before


def test_a_frame_without_tracks_is_fine(path: Path, opener: Opener) -> None:
    with opener(path) as sink:
        sink.write(make_result(0, Tracks.empty()))
        sink.write(make_result(1))
        sink.write(make_result(2, Tracks.empty()))


def test_a_run_without_frames_leaves_nothing_broken(path: Path, opener: Opener) -> None:
    opener(path).close()
    assert path.suffix != ".mp4" or not path.exists()


def test_nothing_is_logged_or_printed(
    path: Path,
    opener: Opener,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    fill(opener(path))
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize("name", ["out.mp4", "out.txt", "out.jsonl", "out.csv"])
def test_full_disk_is_one_clear_error(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = link_to_full_disk(tmp_path / name, monkeypatch)

    def run() -> None:
        with KINDS[name](path, overwrite=True) as sink:
            for index in range(200):
                sink.write(make_result(index))

    with pytest.raises(OutputError, match="No space left on device") as caught:
        run()
    assert str(path) in str(caught.value)


_WRITER = """
import sys
from pathlib import Path
from tests.sink.results import make_result
from tests.sink.test_contract import KINDS
path = Path(sys.argv[1])
sink = KINDS[path.name](path)
for index in range(400):
    sink.write(make_result(index))
print("written", flush=True)
if sys.argv[2] == "raise":
    with sink:
        raise RuntimeError
sys.stdin.read()
"""


def interrupted(path: Path, how: str) -> None:
    """Write 400 frames in another process, and end it by a signal or an exception."""
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    if how == "kill":
        process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == (-signal.SIGKILL if how == "kill" else 1)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "raise"])
def test_an_interrupted_run_leaves_what_was_written(path: Path, how: str) -> None:
    from tests.sink.readers import count_frames

    interrupted(path, how)
    frames = count_frames(path)
    # A killed video lacks the fragment that was being encoded, at most 2 s and a few frames.
    complete = 400 if path.suffix != ".mp4" or how == "raise" else 400 - 80
    assert complete <= frames <= 400
