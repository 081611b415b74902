"""Made-up people who walk in front of a made-up detector and encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reid_tracker.types import Detections, Embeddings

Box = tuple[float, float, float, float]

NOMINAL_RATE = 30.0


def person(x: float, y: float = 300.0, width: float = 60.0, height: float = 150.0) -> Box:
    """Return the box of a person whose centre is (x, y)."""
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def seen(*boxes: Sequence[float], score: float = 0.9) -> Detections:
    """Return detections of the same confidence, one a box."""
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), score, np.float32),
        np.zeros(len(boxes), np.int64),
    )


def looks(*identities: int, size: int = 8) -> Embeddings:
    """Return one embedding an identity; different identities are orthogonal."""
    return np.eye(size, dtype=np.float32)[list(identities)]


@dataclass(frozen=True)
class Observation:
    """What the detector and the encoder say of one frame."""

    number: int
    detections: Detections
    embeddings: Embeddings | None

    @property
    def timestamp_s(self) -> float:
        return self.number / NOMINAL_RATE


@dataclass(frozen=True)
class SceneOptions:
    """What happens in a random scene.

    Attributes:
        people: number of people.
        frames: nominal frames from the first to the last.
        width: pixels of the field that the people start in.
        miss_rate: part of the detections that the detector misses.
        false_rate: false detections a frame.
        drop_rate: part of the frames that never arrive.
        with_appearance: whether there are embeddings.
        bare_rate: part of the frames that come without embeddings.
        zero_rate: part of the embedding rows that are zero.
    """

    people: int = 4
    frames: int = 40
    width: int = 400
    miss_rate: float = 0.1
    false_rate: float = 0.3
    drop_rate: float = 0.0
    with_appearance: bool = True
    bare_rate: float = 0.0
    zero_rate: float = 0.0


@dataclass(frozen=True)
class _Walker:
    start: npt.NDArray[np.float64]
    velocity: npt.NDArray[np.float64]
    height: float
    growth: float
    appearance: npt.NDArray[np.float64]
    hidden: range
    kind: int

    def box(self, frame: int, generator: np.random.Generator) -> Box:
        height = self.height * (1 + self.growth * frame) * generator.normal(1, 0.01)
        width = height * generator.normal(0.4, 0.01)
        x, y = self.start + frame * self.velocity + generator.normal(0, 0.01 * height, 2)
        return person(x, y, width, height)


def random_scene(generator: np.random.Generator, options: SceneOptions) -> list[Observation]:
    """People cross a field, each hidden once for some frames, under a noisy detector."""
    walkers = [_random_walker(generator, options) for _ in range(options.people)]
    scene: list[Observation] = []
    for number in range(options.frames):
        if generator.random() < options.drop_rate:
            continue
        boxes: list[Box] = []
        kinds: list[int] = []
        rows: list[npt.NDArray[np.float64]] = []
        for walker in walkers:
            if number not in walker.hidden and generator.random() >= options.miss_rate:
                boxes.append(walker.box(number, generator))
                wavers = generator.random() < 0.1
                kinds.append(int(generator.integers(0, 3)) if wavers else walker.kind)
                rows.append(walker.appearance + 0.25 * _appearance(generator))
        for _ in range(generator.poisson(options.false_rate)):
            boxes.append(
                person(
                    *generator.uniform(0, options.width, 2), *generator.uniform((20, 50), (80, 200))
                )
            )
            kinds.append(int(generator.integers(0, 3)))
            rows.append(_appearance(generator))
        bare = generator.random() < options.bare_rate
        embeddings = _embeddings(rows, generator, options.zero_rate)
        scene.append(
            Observation(
                number=number,
                detections=Detections(
                    np.array(boxes, np.float32).reshape(-1, 4),
                    generator.choice([0.2, 0.5, 0.9], len(boxes), p=[0.05, 0.15, 0.8]).astype(
                        np.float32
                    ),
                    np.array(kinds, np.int64),
                ),
                embeddings=embeddings if options.with_appearance and not bare else None,
            )
        )
    return scene


def _random_walker(generator: np.random.Generator, options: SceneOptions) -> _Walker:
    hidden_from = int(generator.integers(0, options.frames))
    return _Walker(
        start=generator.uniform((0, 100), (options.width, 100 + options.width / 2)),
        velocity=generator.normal(0, (4, 1)),
        height=generator.uniform(80, 200),
        growth=generator.normal(0, 0.003),
        appearance=_appearance(generator),
        hidden=range(hidden_from, hidden_from + int(generator.integers(0, 12))),
        kind=int(generator.integers(0, 2)),
    )


def _appearance(generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """A random non-negative unit vector, about half of it zeros, as after a ReLU."""
    raw = np.maximum(generator.normal(size=24), 0)
    unit: npt.NDArray[np.float64] = raw / np.linalg.norm(raw)
    return unit


def _embeddings(
    rows: list[npt.NDArray[np.float64]], generator: np.random.Generator, zero_rate: float
) -> Embeddings:
    """Stack rows of various lengths; some become zero."""
    embeddings = np.array(rows, np.float32).reshape(-1, 24)
    embeddings[generator.random(len(rows)) < zero_rate] = 0
    return embeddings
