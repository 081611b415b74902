"""Simulated embeddings with the distances of a real encoder's embeddings; measures both.

    python -m tests.benchmarks.city_looks [--encoder MODEL]

Measures cosine distances of images of CUHK03 val (100 people, two cameras): of the same person in
one camera and in two, and of different people. Prints the constants of `LookModel`, the quantiles
of measured and generated distances, and the single-shot rank-1 between the cameras.

A simulated embedding is the sum of a common mean and normal terms for the camera, the person, the
person in this camera (pose, light) and the single image. The variance of each term falls off
exponentially over its effective dimensions. Some visits are noisier than others.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reid_tracker.types import Embeddings

SIZE = 512
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_BOOK = 1 << 15

IntArray = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LookModel:
    """Variances of an encoder's unit embeddings by what they come from, and their dimensions.

    Attributes:
        mean: squared length of the mean that all embeddings share.
        camera: variance of the cameras' means.
        person: variance of people, camera and look taken out.
        view: variance of a person's mean from camera to camera.
        look: variance of pictures of a person in one camera.
        dimensions: effective numbers, (sum of variances)^2 / sum of squares, of the last three;
            a camera's are a view's.
        spread: standard deviation of the logarithm of the scale of a visit's view and look.
    """

    mean: float
    camera: float
    person: float
    view: float
    look: float
    dimensions: tuple[float, float, float]
    spread: float


ENCODERS = {
    # As measured, but that `spread` and a `view` 15% larger make the quantiles of distances fit.
    # python -m tests.benchmarks.city_looks
    "osnet_x0_25_cuhk03": LookModel(0.362, 0.005, 0.355, 0.169, 0.134, (11.7, 32.9, 60.4), 0.35),
    # python -m tests.benchmarks.city_looks --encoder ../shared/weights/osnet_x0_25_msmt17.onnx
    "osnet_x0_25_msmt17": LookModel(0.466, 0.016, 0.203, 0.178, 0.162, (12.5, 40.8, 86.4), 0.25),
}


class Looks:
    """Embeddings of people before cameras; the same numbers always give the same person.

    Args:
        model: variances.
        seed: of everybody's looks.
    """

    def __init__(self, model: LookModel, seed: int = 0) -> None:
        self._model = model
        self._seed = seed
        person, view, look = (scales(size) for size in model.dimensions)
        self._person = np.float32(np.sqrt(model.person)) * person
        self._view = np.float32(np.sqrt(model.view)) * view
        self._camera = np.float32(np.sqrt(model.camera)) * view
        self._look = np.float32(np.sqrt(model.look)) * look
        random = np.random.default_rng((seed, 0))
        self._book = random.standard_normal((_BOOK, SIZE), np.float32)

    def tracklets(
        self, people: IntArray, cameras: IntArray, looks: IntArray, prototypes: int, draw: int
    ) -> Vectors:
        """Return the (N, K, D) unit prototypes of tracklets.

        Args:
            people: (N,) who.
            cameras: (N,) numbers of the cameras that see them.
            looks: (N,) independent looks that each prototype is the mean of.
            prototypes: K.
            draw: number of the batch; with the same one the same noise comes.
        """
        random = np.random.default_rng((self._seed, 1, draw))
        scale = self._visit_scale(people, cameras)[:, None]
        base = self._fixed(people, 2) * self._person + self._fixed(cameras, 3) * self._camera
        base += scale * self._fixed(people * 1_000_003 + cameras, 4) * self._view
        base[:, 0] += np.sqrt(self._model.mean)
        noise = random.standard_normal((len(people), prototypes, SIZE), np.float32) * self._look
        noise *= (scale / np.sqrt(looks)[:, None].astype(np.float32))[:, :, None]
        rows = base[:, None] + noise
        unit: Vectors = rows / np.sqrt(np.einsum("nkd,nkd->nk", rows, rows))[:, :, None]
        return unit

    def _visit_scale(self, people: IntArray, cameras: IntArray) -> Vectors:
        number = _hash(people * 1_000_003 + cameras, self._seed, 5)
        normal = self._book[number % _BOOK, number // _BOOK % SIZE]
        # The mean square is 1, so that the variances are those measured.
        spread = np.float32(self._model.spread)
        scale: Vectors = np.exp(spread * normal - spread**2)
        return scale

    def _fixed(self, numbers: IntArray, kind: int) -> Vectors:
        """Return (N, D) normal numbers that depend on the number only: a sum of two of a book."""
        number = _hash(numbers, self._seed, kind)
        first, second = self._book[number % _BOOK], self._book[number // _BOOK % _BOOK]
        both: Vectors = (first + second) * np.float32(np.sqrt(0.5))
        return both


def _hash(numbers: IntArray, seed: int, kind: int) -> IntArray:
    """Mix numbers to 62 bits, by the finisher of SplitMix64."""
    mixed = numbers.astype(np.uint64) + np.uint64((kind + 16 * seed) * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    numbers = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(2)).astype(np.int64)
    return numbers


def scales(dimensions: float) -> Vectors:
    """Return the (D,) standard deviations of variances that fall off, with a sum of 1."""
    # Those of exp(-i / t) have an effective number of 2t. The shared mean has the first one.
    variance = np.exp(-2 * np.arange(SIZE - 1) / dimensions)
    scales: Vectors = np.sqrt(np.r_[0, variance / variance.sum()]).astype(np.float32)
    return scales


def measure(embeddings: Embeddings, people: IntArray, cameras: IntArray) -> LookModel:
    """Take a model's numbers, but the spread, from pictures of people before two cameras.

    Args:
        embeddings: (N, D) unit rows.
        people: (N,) identities.
        cameras: (N,) 0 or 1.
    """
    mean = embeddings.mean(axis=0)
    shift = np.stack([embeddings[cameras == camera].mean(axis=0) for camera in (0, 1)])
    visits = [
        [embeddings[(people == person) & (cameras == camera)] for camera in (0, 1)]
        for person in np.unique(people)
    ]
    pairs = [pair for pair in visits if all(len(visit) > 1 for visit in pair)]
    one, other = (
        np.stack([pair[side].mean(axis=0) for pair in pairs]) - shift[side] for side in (0, 1)
    )
    inside = np.concatenate(
        [
            (visit - visit.mean(axis=0)) * np.sqrt(len(visit) / (len(visit) - 1))
            for pair in pairs
            for visit in pair
        ]
    )
    look = float((inside**2).sum(axis=1).mean())
    # The mean of few looks still holds a part of theirs.
    left = np.mean([look / len(visit) for pair in pairs for visit in pair])
    person = (one.T @ other + other.T @ one) / 2 / len(pairs)
    view = (one - other) / np.sqrt(2)
    return LookModel(
        mean=float(mean @ mean),
        camera=float(((shift - mean) ** 2).sum(axis=1).mean()),
        person=float(np.trace(person)),
        view=float((view**2).sum(axis=1).mean() - left),
        look=look,
        dimensions=(
            _effective(person),
            _effective(view.T @ view / len(view)),
            _effective(inside.T @ inside / len(inside)),
        ),
        spread=0.0,
    )


def _effective(covariance: npt.NDArray[np.float32]) -> float:
    return float(np.trace(covariance) ** 2 / (covariance**2).sum())


def distances(
    embeddings: Embeddings, people: IntArray, cameras: IntArray
) -> dict[str, npt.NDArray[np.float64]]:
    """Return the quantiles of cosine distances of pairs, by what they have in common."""
    apart = 1 - embeddings @ embeddings.T
    upper = np.triu(np.ones(apart.shape, np.bool_), 1)
    person, camera = (column[:, None] == column for column in (people, cameras))
    return {
        name: np.quantile(apart[upper & pairs], QUANTILES)
        for name, pairs in (
            ("one person, one camera", person & camera),
            ("one person, two cameras", person & ~camera),
            ("two people, one camera", ~person & camera),
            ("two people, two cameras", ~person & ~camera),
        )
    }


def first_is_right(embeddings: Embeddings, people: IntArray, cameras: IntArray) -> float:
    """Return how often the nearest of one picture a person of camera 1 is right for camera 0's."""
    random = np.random.default_rng(0)
    scores = []
    for _ in range(20):
        shuffled = random.permutation(len(people))
        shuffled = shuffled[cameras[shuffled] == 1]
        _, first = np.unique(people[shuffled], return_index=True)
        gallery, query = shuffled[first], np.flatnonzero(cameras == 0)
        query = query[np.isin(people[query], people[gallery])]
        nearest = gallery[(embeddings[query] @ embeddings[gallery].T).argmax(axis=1)]
        scores.append(np.mean(people[nearest] == people[query]))
    return float(np.mean(scores))


def generate(model: LookModel, people: int, looks: int) -> tuple[Embeddings, IntArray, IntArray]:
    """Make single looks of people before two cameras: embeddings, people and cameras."""
    who = np.repeat(np.arange(people), 2 * looks)
    where = np.tile(np.repeat([0, 1], looks), people)
    rows = Looks(model).tracklets(who, where, np.ones(len(who), np.int64), 1, 0)
    return rows[:, 0], who, where


def main() -> None:
    """Measure, and print the table."""
    from reid_tracker import build_encoder
    from reid_tracker.train import open_dataset
    from reid_tracker.video.images import read_picture
    from tests.benchmarks.encoder_scores import encode_crops
    from tests.benchmarks.mot_cached import SHARED

    parser = argparse.ArgumentParser(description="Measure how far looks are from each other.")
    parser.add_argument("--encoder", default="weights/osnet_x0_25_cuhk03.onnx")
    path = parser.parse_args().encoder
    encoder = build_encoder(path)
    data = open_dataset("cuhk03_crops", SHARED / "reid" / "cuhk03")
    sides = (data.query, data.gallery)
    rows = np.concatenate(
        [encode_crops(encoder, [read_picture(image) for image in side.paths]) for side in sides]
    )
    people = np.concatenate([side.identities for side in sides])
    cameras = np.repeat([0, 1], [len(side.paths) for side in sides])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    print(f"# measured: {measure(rows, people, cameras)}")
    model = next(model for name, model in ENCODERS.items() if name in path)
    print(f"# committed: {model}")
    made = generate(model, 100, 5)
    quantiles = " | ".join(f"{part:.0%}" for part in QUANTILES)
    print(f"| cosine distance | | {quantiles} |\n|---|---|{'--:|' * len(QUANTILES)}")
    measured, generated = distances(rows, people, cameras), distances(*made)
    for name in measured:
        for label, values in (("measured", measured[name]), ("generated", generated[name])):
            print(f"| {name} | {label} | {' | '.join(f'{value:.3f}' for value in values)} |")
    right = first_is_right(rows, people, cameras), first_is_right(*made)
    print(f"\nNearest of 100 is right: {right[0]:.3f} measured, {right[1]:.3f} generated")


if __name__ == "__main__":
    main()
