"""Translate the default thresholds to another encoder; prints lines for weights/manifest.yaml.

    python -m tests.benchmarks.encoder_thresholds ENCODER

The defaults were measured with an OSNet x0.25 of MSMT17. Each of its distances is translated to the
distance of the other encoder with the same false match rate: the same fraction of pairs of
different people is below it. Pairs are all crops of the 100 people of CUHK03 val, so no sequence
for tracker scores is used.
"""

from __future__ import annotations

import argparse
import dataclasses

import numpy as np
import numpy.typing as npt

from reid_tracker import build_encoder
from reid_tracker.config import Thresholds
from reid_tracker.encode import Encoder
from reid_tracker.train import open_dataset
from reid_tracker.video.images import read_picture
from tests.benchmarks.encoder_scores import MSMT17, encode_crops
from tests.benchmarks.mot_cached import SHARED

FloatArray = npt.NDArray[np.float64]


def different_people(encoder: Encoder) -> FloatArray:
    """Return the sorted distances of all pairs of different people of CUHK03 val."""
    data = open_dataset("cuhk03_crops", SHARED / "reid" / "cuhk03")
    sides = (data.query, data.gallery)
    crops = [read_picture(path) for images in sides for path in images.paths]
    people = np.concatenate([images.identities for images in sides])
    rows = encode_crops(encoder, crops)
    first, second = np.triu_indices(len(rows), 1)
    different = people[first] != people[second]
    distances = 1 - (rows @ rows.T)[first[different], second[different]]
    return np.sort(distances.astype(np.float64))


def translate(reference: FloatArray, other: FloatArray, distance: float) -> float:
    """Return the quantile of `other` that `distance` is of `reference`; both are sorted."""
    part = np.searchsorted(reference, distance, side="right") / len(reference)
    return float(np.quantile(other, part))


def translated(reference: FloatArray, other: FloatArray, given: Thresholds) -> dict[str, float]:
    """Return all distances for the other encoder; the margin is a step from `tight` on."""
    values = {
        name: round(translate(reference, other, value), 3)
        for name, value in dataclasses.asdict(given).items()
        if name != "margin" and not name.endswith("_confidence")
    }
    beyond = translate(reference, other, given.tight + given.margin)
    return values | {"margin": round(beyond - values["tight"], 3)}


def main() -> None:
    """Print the thresholds of one encoder."""
    parser = argparse.ArgumentParser(description="Translate thresholds to another encoder.")
    parser.add_argument("encoder", metavar="ENCODER")
    parser.add_argument("--reference", default=str(MSMT17), metavar="ENCODER")
    arguments = parser.parse_args()
    reference, other = (
        different_people(build_encoder(model)) for model in (arguments.reference, arguments.encoder)
    )
    found = translated(reference, other, Thresholds())
    print("  thresholds:")
    print("    {" + ", ".join(f"{name}: {value}" for name, value in found.items()) + "}")


if __name__ == "__main__":
    main()
