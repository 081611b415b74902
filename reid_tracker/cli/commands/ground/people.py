"""Reads people of a finished run for `reid-track ground --from-people`; describes the result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from reid_tracker.config.checked import shown
from reid_tracker.errors import ConfigError, InputError
from reid_tracker.evaluate.multi_camera_text import read_tracks
from reid_tracker.match.places.people import People
from reid_tracker.match.places.self_calibration import SelfCalibration
from reid_tracker.types import VideoInfo


def read_people(folder: Path, cameras: dict[str, VideoInfo]) -> dict[str, People]:
    """Read the tracked people of each camera from the folder of a run, or from MOT texts.

    Times come from `CAMERA.jsonl`, or without that file from the frame rate.

    Args:
        folder: folder of a run, or with `CAMERA.txt` for each camera.
        cameras: properties of the sources by camera name.

    Raises:
        ReidTrackerError: a file cannot be read, or a camera is missing.
    """
    tracks = read_tracks(folder)
    found = {}
    for name, info in cameras.items():
        if name not in tracks:
            raise ConfigError(
                f"{folder} has no tracks of camera '{name}'; it has those of {', '.join(tracks)}"
            )
        boxes = tracks[name]
        lines = folder / f"{name}.jsonl"
        if lines.exists():
            times = dict(frame_times(lines))
            kept = np.isin(boxes.frames, list(times))
            times_s = np.array([times[frame] for frame in boxes.frames[kept].tolist()], np.float64)
        else:
            kept = np.ones(len(boxes.frames), np.bool_)
            times_s = (boxes.frames - 1) / float(info.frame_rate)
        found[name] = People(info.width, info.height, times_s, boxes.ids[kept], boxes.boxes[kept])
    return found


def frame_times(path: Path) -> Iterator[tuple[int, float]]:
    """Yield each frame number, from 1, with its time in seconds from the JSON lines of a run.

    Raises:
        InputError: the file cannot be read, or a line is malformed.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    value = json.loads(line)
                    frame, time_s = int(value["frame"]) + 1, float(value["timestamp_s"])
                except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
                    frame, time_s = 0, np.inf
                if not np.isfinite(time_s):
                    raise InputError(
                        f"{path}, line {number}: {shown(line.strip(), str)}: expected frame and "
                        "timestamp_s, as a run writes them"
                    )
                yield frame, time_s
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(f"cannot read {path}: {reason}") from None


def describe(found: SelfCalibration, people: dict[str, People], person_m: float) -> list[str]:
    """Describe the cameras and the errors, as lines of text."""
    lines = []
    for name, fit in found.fits.items():
        camera = fit.camera
        lines.append(
            f"{name}: focal length {camera.focal * people[name].width:.0f} px "
            f"(+-{fit.focal_sd:.0%}), tilt {np.degrees(camera.tilt):.1f} and roll "
            f"{np.degrees(camera.roll):.1f} degrees, {camera.metres:.2f} m above the ground; "
            f"heights are off by {fit.error:.1%} (median of {fit.places} boxes of {fit.people} "
            "people)"
        )
    lines += [
        f"{' and '.join(pair.cameras)}: the same people are {pair.median_m:.2f} m apart (median of "
        f"{pair.moments} moments of {pair.people} people; 90 %: below {pair.most_m:.2f} m)"
        for pair in found.agreements
    ]
    lines.append(
        f"assumed: people are {person_m:.2f} m tall on average (--mean-height); all lengths are "
        "proportional to it"
    )
    return lines
