"""Strips of frames that show how a person's id changed, cut from a video as it is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.evaluate.mot import Switch
from reid_tracker.evaluate.multi_camera import IdentityBoxes
from reid_tracker.explain.sheet import BLUE, GREY, ORANGE, rgb
from reid_tracker.types import Frame, ImageBGR

CELL = (168, 126)
"""Height and width of a picture of a strip, pixels."""

MOST_STRIPS = 60
"""More strips would make a sheet that few programs can open."""

_BEFORE_S = 0.5
"""Time between the pictures at the ends of a strip and the switch."""

_HEIGHTS = 1.6
"""Height of a picture in heights of the person's tallest box in the strip."""

BEFORE, AFTER = BLUE, ORANGE
"""Colours of the boxes of the earlier and the later id."""


@dataclass(frozen=True, eq=False)
class SwitchStrip:
    """Pictures around a switch.

    Attributes:
        switch: the switch that they show.
        frames: their frame numbers, ascending.
        pictures: BGR, of size `CELL`, by frame; frames that the video lacks are missing.
    """

    switch: Switch
    frames: tuple[int, ...]
    pictures: dict[int, ImageBGR] = field(default_factory=dict)


def switch_strips(
    video: Iterable[Frame],
    switches: Sequence[Switch],
    truth: IdentityBoxes,
    found: IdentityBoxes,
    frame_rate: float = 25.0,
) -> list[SwitchStrip]:
    """Cut the pictures of the first switches, at most `MOST_STRIPS`.

    The true box is white, the box of the earlier id blue, of the later id orange; others are grey.
    Only the pictures are kept; reading ends with the last one.

    Args:
        video: frames in order; frame 0 of the video is frame 1 of the boxes.
        switches: the switches to show, in any order.
        truth: true boxes with the ids of people.
        found: found boxes.
        frame_rate: frames per second.
    """
    chosen = sorted(switches, key=lambda one: (one.frame, one.person))[:MOST_STRIPS]
    strips = [SwitchStrip(one, _frames_around(one, frame_rate)) for one in chosen]
    windows = [_windows(strip, truth) for strip in strips]
    wanted: dict[int, list[int]] = {}
    for number, strip in enumerate(strips):
        for frame in strip.frames:
            wanted.setdefault(frame, []).append(number)
    last = max(wanted, default=0)
    for image in video if wanted else ():
        frame = image.index + 1
        for number in wanted.get(frame, []):
            window = windows[number][strips[number].frames.index(frame)]
            strips[number].pictures[frame] = _picture(
                image.image, window, strips[number].switch, _at(truth, frame), _at(found, frame)
            )
        if frame >= last:
            break
    return strips


def _frames_around(switch: Switch, frame_rate: float) -> tuple[int, ...]:
    """Return the frames of a strip: before, last, between, first, after."""
    step = max(1, round(_BEFORE_S * frame_rate))
    middle = (switch.last + switch.frame) // 2
    frames = {switch.last - step, switch.last, middle, switch.frame, switch.frame + step}
    return tuple(sorted(frame for frame in frames if frame >= 1))


def _at(boxes: IdentityBoxes, frame: int) -> dict[int, FloatArray]:
    """Return the boxes of a frame by id."""
    rows = np.flatnonzero(boxes.frames == frame)
    return dict(zip(boxes.ids[rows].tolist(), boxes.boxes[rows], strict=True))


def _windows(strip: SwitchStrip, truth: IdentityBoxes) -> list[FloatArray]:
    """Return the window of each picture, xyxy: of equal size, around the person even if hidden."""
    rows = np.flatnonzero(truth.ids == strip.switch.person)
    nearest = [
        truth.boxes[rows[np.abs(truth.frames[rows] - frame).argmin()]] for frame in strip.frames
    ]
    height = _HEIGHTS * max(1.0, *(box[3] - box[1] for box in nearest))
    half = np.array([height * CELL[1] / CELL[0], height]) / 2
    centres = [(box[:2] + box[2:]) / 2 for box in nearest]
    return [np.concatenate([centre - half, centre + half]) for centre in centres]


def _picture(
    image: ImageBGR,
    window: FloatArray,
    switch: Switch,
    truth: dict[int, FloatArray],
    found: dict[int, FloatArray],
) -> ImageBGR:
    """Cut a window out of an image, scale it to a cell, and draw the boxes."""
    scale = CELL[0] / (window[3] - window[1])
    moved = np.array([[scale, 0, -scale * window[0]], [0, scale, -scale * window[1]]])
    cell: ImageBGR = cv2.warpAffine(
        image, moved, (CELL[1], CELL[0]), flags=cv2.INTER_LINEAR, borderValue=(225, 225, 225)
    ).astype(np.uint8, copy=False)
    colours = {switch.before: BEFORE, switch.after: AFTER}
    # The two ids last, so that no other box lies on them.
    for identity in sorted(found, key=lambda one: (one in colours, one)):
        _draw(cell, scale * (found[identity] - window[[0, 1, 0, 1]]), colours.get(identity, GREY))
    if switch.person in truth:
        _draw(cell, scale * (truth[switch.person] - window[[0, 1, 0, 1]]), "#FFFFFF", 1)
    return cell


def _draw(cell: ImageBGR, box: FloatArray, colour: str, width: int = 2) -> None:
    left, top, right, bottom = np.clip(box, -1000, 1000).round().astype(int).tolist()
    cv2.rectangle(cell, (left, top), (right, bottom), rgb(colour)[::-1], width)
