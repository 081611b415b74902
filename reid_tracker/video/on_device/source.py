"""Video files decoded by torchcodec into a device's memory, on CUDA by the GPU's own decoder.

torchcodec is an extra (`pip install 'reid-tracker[torchcodec]'`), and needs FFmpeg's libraries.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from reid_tracker.device.pictures import DeviceFrame, DevicePicture
from reid_tracker.errors import MissingDependencyError, SourceError
from reid_tracker.types import Frame, VideoInfo
from reid_tracker.video.clock import PresentationClock
from reid_tracker.video.naming import printable, safe_name
from reid_tracker.video.source import BaseSource

_MICROSECONDS = Fraction(1, 1_000_000)


class TorchcodecSource(BaseSource):
    """A video file whose frames are `DeviceFrame`s; use `open_on_device`.

    Args:
        decoder: torchcodec's `VideoDecoder` with rows of RGB pixels.
        path: the file.
        stride: every n-th frame is yielded.
    """

    def __init__(self, decoder: Any, path: Path, stride: int) -> None:
        self._decoder = decoder
        self._path = path
        first = self._frame(0).data
        rate = Fraction(decoder.metadata.average_fps or 25).limit_denominator(100_000)
        info = VideoInfo(int(first.shape[1]), int(first.shape[0]), rate, len(decoder))
        super().__init__(safe_name(path.stem), info, stride)

    def _read(self) -> Iterator[Frame]:
        clock = PresentationClock(self.info.frame_rate)
        for index in range(0, len(self._decoder), self._stride):
            decoded = self._frame(index)
            pts = round(decoded.pts_seconds / _MICROSECONDS)
            time_s = clock.time_s(index, pts, _MICROSECONDS)
            yield DeviceFrame(DevicePicture(decoded.data, "rgb"), index, time_s)

    def _frame(self, index: int) -> Any:
        try:
            return self._decoder.get_frame_at(index)
        except (RuntimeError, IndexError, ValueError) as error:
            raise SourceError(
                f"{printable(str(self._path))}: frame {index} cannot be decoded "
                f"({' '.join(str(error).split())[:160]}); read it without torchcodec"
            ) from None

    def _release(self) -> None:
        self._decoder = None


def open_on_device(path: str | Path, device: str = "cuda", *, stride: int = 1) -> TorchcodecSource:
    """Open a video file and decode it into a device's memory.

    On CUDA, torchcodec shows some videos in wrong colours (its issue 1414: yuv444): compare a frame
    with that of `open_source` before you rely on a new kind of file.

    Args:
        path: the file.
        device: "cuda", "cuda:1" or "cpu".
        stride: take every n-th frame.

    Raises:
        MissingDependencyError: torchcodec or FFmpeg's libraries are not installed.
        SourceError: the file is missing, or no video.
    """
    try:
        from torchcodec import decoders
    except (ImportError, OSError, RuntimeError) as error:  # without FFmpeg, a RuntimeError
        raise MissingDependencyError(
            "decoding on a device needs torchcodec and the shared libraries of FFmpeg "
            f"({type(error).__name__}); install them with pip install 'reid-tracker[torchcodec]' "
            "and your system's package of FFmpeg, or use open_source"
        ) from None
    path = Path(path)
    if not path.is_file():
        raise SourceError(f"no source '{printable(str(path))}': expected a video file")
    try:
        decoder = decoders.VideoDecoder(path, device=device, dimension_order="NHWC")
    except (RuntimeError, ValueError) as error:
        raise SourceError(
            f"cannot read {printable(str(path))} as a video "
            f"({' '.join(str(error).split())[:160]}): expected a file that FFmpeg plays"
        ) from None
    return TorchcodecSource(decoder, path, stride)
