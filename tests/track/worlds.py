"""Made-up worlds with exact truth: people who walk, stop and turn before a camera.

A world is played frame by frame: the true boxes, and what a detector and an encoder make of them.
Of two people who overlap, the one with the lower feet stands in front. A detector does not see who
is hidden by more than 60 %, and misses 5 % of the others. Whoever is hidden in part has a lower
confidence and an embedding that looks in part like the person in front, and if more than half of
their width is hidden, a box that ends where that person begins. With `nested_s`, the detector now
and then also finds a person's upper body as a second box, as YOLO11n does on both sequences.

Embeddings have the distances that `tests.benchmarks.city_looks` measured for OSNet x0.25 trained on
MSMT17, and a person's appearance changes with time about as on PETS09-S2L1 and TUD-Campus: two
looks are 0.09 apart (median) after 0.2 s, 0.15 after a second, 0.2 after 4 s and 0.31 after 12 s
(measured on PETS09-S2L1: 0.07 to 0.11, 0.14, 0.19 and 0.27); those of two people 0.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from reid_tracker.arrays import BoolArray, FloatArray, IntArray
from reid_tracker.geometry import covered
from reid_tracker.types import Detections, Embeddings, ImageBGR
from tests.benchmarks.city_looks import ENCODERS, SIZE, scales

Rectangle = tuple[float, float, float, float]

_MISSED = 0.05  # part of the visible people that the detector misses
_BOX_NOISE = 0.02  # of the height
_UNSEEN = 0.6  # a person of whom more is hidden is not detected
_CUT = 0.2  # a person of whom more is hidden has a cut box
_NESTED_EVERY_S = 5.0  # time from one second box of a person to the next
_UPPER = 0.6  # part of the height that the second box shows
_LOOK_S, _VIEW_S = 0.7, 10.0  # times over which a person's look and view change
_STEADY = 2 / 3  # of the variance of looks; the rest is new in each frame


@dataclass(frozen=True)
class Step:
    """One frame of a world.

    Attributes:
        time_s: its time.
        people: (P,) numbers from 1 of the people who are in the picture and not behind a wall. As
            in benchmarks, whoever left the picture and comes back has a new number.
        boxes: (P, 4) their true xyxy boxes.
        detections: (N) what the detector finds.
        embeddings: (N, D) what the encoder makes of that.
        picture: the frame; a black one if the camera stands still.
    """

    time_s: float
    people: IntArray
    boxes: FloatArray
    detections: Detections
    embeddings: Embeddings
    picture: ImageBGR


@dataclass(frozen=True)
class World:
    """People before one camera.

    Attributes:
        people: their number.
        rate: frames per second.
        seconds: length.
        size: width and height of the picture.
        heights: of people whose feet are at the upper and at the lower edge of the picture.
        outfits: number of different appearances; 0 gives everybody their own.
        walls: rectangles that hide who walks behind them.
        linger: people turn every 5 seconds or so, and three in ten stand.
        leave: people walk out of the picture, stay away for 3 to 12 seconds, and come back.
        swing_px: the camera swings to the left and right by so much.
        shake_px: and it shakes by this standard deviation, anew in each frame.
        nested_s: how long the second box of a person stays, each time.
    """

    people: int = 12
    rate: float = 25.0
    seconds: float = 20.0
    size: tuple[int, int] = (1280, 720)
    heights: tuple[float, float] = (60.0, 240.0)
    outfits: int = 0
    walls: tuple[Rectangle, ...] = ()
    linger: bool = False
    leave: bool = False
    swing_px: float = 0.0
    shake_px: float = 0.0
    nested_s: float = 0.0

    def play(self, seed: int) -> Iterator[Step]:
        """Yield the frames; the same seed gives the same world."""
        random = np.random.default_rng(seed)
        walkers, appearance = _Walkers(self, random), _Appearance(self, random)
        camera = _Camera(self, random)
        for frame in range(round(self.seconds * self.rate)):
            boxes, inside = walkers.step()
            picture, shift = camera.step(frame / self.rate)
            looks = appearance.step()
            behind_wall = np.maximum(
                _hidden_by_walls(boxes, self.walls), _outside(boxes, self.size)
            )
            hidden = np.maximum(_hidden_by_people(boxes, inside), behind_wall)
            shown = inside & (behind_wall < _UNSEEN)
            phase_s = frame / self.rate + np.arange(self.people) * _NESTED_EVERY_S / self.people
            nested = phase_s % _NESTED_EVERY_S < self.nested_s
            found, confidences, rows = self._detect(boxes, hidden, inside, nested, looks, random)
            yield Step(
                time_s=frame / self.rate,
                people=walkers.numbers[shown],
                boxes=boxes[shown] - np.tile(shift, 2),
                detections=Detections(
                    (found - np.tile(shift, 2)).astype(np.float32),
                    confidences.astype(np.float32),
                    np.zeros(len(found), np.int64),
                ),
                embeddings=_unit(rows).astype(np.float32),
                picture=picture,
            )

    def _detect(
        self,
        boxes: FloatArray,
        hidden: FloatArray,
        inside: BoolArray,
        nested: BoolArray,
        looks: FloatArray,
        random: np.random.Generator,
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return boxes, confidences and embeddings of the people whom the detector finds.

        Those who are `nested` have a second box, after all others.
        """
        tall = (boxes[:, 3] - boxes[:, 1])[:, None]
        noisy = boxes + random.normal(0, _BOX_NOISE, boxes.shape) * tall
        found = inside & (hidden < _UNSEEN) & (random.random(len(boxes)) >= _MISSED)
        mixed = looks.copy()
        for one in np.flatnonzero(found & (hidden > _CUT)).tolist():
            front = _who_hides(boxes, inside, one)
            if front is not None:
                top = boxes[front, 1] + 0.15 * tall[one, 0]
                noisy[one, 3] = min(max(top, noisy[one, 1] + 0.4 * tall[one, 0]), noisy[one, 3])
                mixed[one] = (1 - hidden[one]) * looks[one] + hidden[one] * looks[front]
        confidences = np.clip(0.9 - 0.8 * hidden + random.normal(0, 0.03, len(boxes)), 0.05, 0.99)
        once, twice = np.flatnonzero(found), np.flatnonzero(found & nested)
        rows = np.concatenate([once, twice])
        detected = noisy[rows]
        detected[len(once) :, 3] -= (1 - _UPPER) * (noisy[twice, 3] - noisy[twice, 1])
        return detected, confidences[rows], mixed[rows]


class _Walkers:
    """Where people are: they walk straight on and turn round at the border."""

    def __init__(self, world: World, random: np.random.Generator) -> None:
        self._world, self._random = world, random
        self._low, self._high = np.array([40.0, 0.3 * world.size[1]]), np.array(world.size) - 10.0
        self._feet = random.uniform(self._low, self._high, (world.people, 2))
        self._speed = self._speeds(world.people)
        self._away_s = np.zeros(world.people)
        self.numbers = np.arange(world.people) + 1

    def step(self) -> tuple[FloatArray, BoolArray]:
        """Return the (P, 4) boxes in the next frame, and who is in the picture."""
        world, random = self._world, self._random
        step_s = 1 / world.rate
        turns = random.random(world.people) < step_s / 5 * world.linger
        self._speed[turns] = self._speeds(int(turns.sum()))
        walking = (self._tall() * (self._away_s <= 0))[:, None]
        self._feet = self._feet + self._speed * walking * step_s
        self._at_the_border(step_s)
        tall = self._tall()
        half = 0.2 * tall
        x, y = self._feet.T
        boxes = np.stack([x - half, y - tall, x + half, y], axis=1)
        return boxes, self._away_s <= 0

    def _tall(self) -> FloatArray:
        upper, lower = self._world.heights
        tall: FloatArray = upper + (lower - upper) * self._feet[:, 1] / self._world.size[1]
        return tall

    def _speeds(self, count: int) -> FloatArray:
        """Return (count, 2) speeds in heights per second."""
        random = self._random
        speed = random.uniform(0.4, 0.9, count) * random.choice((-1, 1), count)
        speed[random.random(count) < 0.3 * self._world.linger] = 0
        return np.stack([speed, random.normal(0, 0.1, count) * (speed != 0)], axis=1)

    def _at_the_border(self, step_s: float) -> None:
        """Turn people round at the border, or let them leave at the sides and come back there."""
        low, high = self._low.copy(), self._high.copy()
        if self._world.leave:
            low[0], high[0] = -60.0, self._world.size[0] + 60.0
            back = (self._away_s > 0) & (self._away_s <= step_s)
            self._away_s -= step_s
            gone = ((self._feet[:, 0] < low[0]) | (self._feet[:, 0] > high[0])) & ~back
            gone &= self._away_s <= 0
            self._away_s[gone] = self._random.uniform(3, 12, int(gone.sum()))
            self.numbers[gone] += self._world.people
        inward = np.where(self._feet < low, 1, -1)
        out = (self._feet < low) | (self._feet > high)
        self._speed = np.where(out, np.abs(self._speed) * inward, self._speed)
        self._feet = np.clip(self._feet, low, high)


class _Appearance:
    """What people look like: fixed by the person, slowly changing with the view, and noisy."""

    def __init__(self, world: World, random: np.random.Generator) -> None:
        model = ENCODERS["osnet_x0_25_msmt17"]
        self._random, self._shape = random, (world.people, SIZE)
        person, view, look = (scales(dimensions) for dimensions in model.dimensions)
        outfit = random.standard_normal((world.outfits or world.people, SIZE))
        self._fixed = np.sqrt(model.person) * person * outfit[np.arange(world.people) % len(outfit)]
        self._fixed[:, 0] += np.sqrt(model.mean)
        self._view = np.sqrt(model.view) * view
        self._look = np.sqrt(model.look) * look
        self._keep_view, self._keep_look = np.exp(-1 / world.rate / np.array([_VIEW_S, _LOOK_S]))
        self._now = random.standard_normal((2, *self._shape))

    def step(self) -> FloatArray:
        """Return the (P, D) looks in the next frame."""
        draw = self._random.standard_normal((3, *self._shape), np.float32)
        for row, keep in enumerate((self._keep_view, self._keep_look)):
            self._now[row] = keep * self._now[row] + np.sqrt(1 - keep**2) * draw[row]
        look = np.sqrt(_STEADY) * self._now[1] + np.sqrt(1 - _STEADY) * draw[2]
        return cast(FloatArray, self._fixed + self._now[0] * self._view + look * self._look)


class _Camera:
    """How the camera moves, and what it sees of a patterned ground."""

    def __init__(self, world: World, random: np.random.Generator) -> None:
        self._world, self._random = world, random
        width, height = world.size
        self._black = np.zeros((height, width, 3), np.uint8)
        self._margin = round(world.swing_px + 5 * world.shake_px)
        coarse = random.integers(0, 256, (height // 18, width // 18, 3)).astype(np.uint8)
        size = (width + 2 * self._margin, height + 2 * self._margin)
        self._ground = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)

    def step(self, time_s: float) -> tuple[ImageBGR, FloatArray]:
        """Return the picture, and by how much it looks right and down."""
        if not self._margin:
            return self._black, np.zeros(2)
        shift = self._world.shake_px * self._random.normal(size=2)
        shift[0] += self._world.swing_px * np.sin(2 * np.pi * time_s / 3)
        left, top = np.clip(self._margin + shift, 0, 2 * self._margin).round().astype(int)
        width, height = self._world.size
        view = self._ground[top : top + height, left : left + width]
        shift = np.array([left, top], np.float64) - self._margin
        return np.ascontiguousarray(view, np.uint8), shift


def _hidden_by_people(boxes: FloatArray, inside: BoolArray) -> FloatArray:
    hidden = np.zeros(len(boxes))
    hidden[inside] = covered(boxes[inside])
    return hidden


def _hidden_by_walls(boxes: FloatArray, walls: tuple[Rectangle, ...]) -> FloatArray:
    """Return how much of each box lies behind a wall whose foot is lower than the person's."""
    hidden = np.zeros(len(boxes))
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for left, top, right, bottom in walls:
        width = np.minimum(boxes[:, 2], right) - np.maximum(boxes[:, 0], left)
        height = np.minimum(boxes[:, 3], bottom) - np.maximum(boxes[:, 1], top)
        part = np.maximum(width, 0) * np.maximum(height, 0) / area
        hidden = np.maximum(hidden, np.where(boxes[:, 3] < bottom, part, 0))
    return hidden


def _outside(boxes: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Return how much of each box lies outside the picture."""
    low, high = np.maximum(boxes[:, :2], 0), np.minimum(boxes[:, 2:], size)
    seen = np.maximum(high - low, 0).prod(axis=1)
    part: FloatArray = 1 - seen / (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return part


def _who_hides(boxes: FloatArray, inside: BoolArray, one: int) -> int | None:
    """Return the person in front who hides the most of somebody, at least half of the width."""
    box = boxes[one]
    width = np.minimum(boxes[:, 2], box[2]) - np.maximum(boxes[:, 0], box[0])
    height = np.minimum(boxes[:, 3], box[3]) - np.maximum(boxes[:, 1], box[1])
    shared = np.maximum(width, 0) * np.maximum(height, 0) * (inside & (boxes[:, 3] > box[3]))
    front = int(shared.argmax())
    return front if width[front] >= 0.5 * (box[2] - box[0]) and shared[front] > 0 else None


def _unit(rows: FloatArray) -> FloatArray:
    unit: FloatArray = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)
    return unit


WORLDS = {
    "crossings": World(),
    "lingering": World(linger=True),
    "long occlusions": World(
        people=10, seconds=40.0, walls=((360.0, 0.0, 560.0, 600.0), (800.0, 0.0, 960.0, 650.0))
    ),
    "crowd of 200": World(people=200, seconds=6.0, size=(1920, 1080), heights=(40.0, 80.0)),
    "shaking camera": World(seconds=12.0, shake_px=12.0),
    "5 fps": World(rate=5.0, seconds=60.0),
    "leaving and returning": World(people=8, seconds=60.0, rate=12.5, leave=True),
    "identical clothes": World(outfits=1),
    "swinging camera": World(seconds=12.0, swing_px=150.0),
    "nested boxes": World(nested_s=0.5),
}
