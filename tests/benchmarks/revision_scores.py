"""Who is joined by one revision of a simulated site, with and without the alignment of cameras.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.revision_scores [--seeds N]

Tracklets of people of the default encoder's looks (see `city_looks`), each with three prototypes of
five pictures, are seen by cameras that differ as those of CUHK03 do, or as the two views of
PETS09-S2L1 (four times that variance). Precision, recall and F1 count pairs of tracklets.
"""

from __future__ import annotations

import argparse
import dataclasses
from unittest import mock

import numpy as np
import numpy.typing as npt

from reid_tracker.config import MatchConfig
from reid_tracker.match import Topology
from reid_tracker.match.decide import evidence
from reid_tracker.match.decide.alignment import camera_shifts
from reid_tracker.match.decide.revise import revise
from reid_tracker.match.places.trails import GroundTrails
from reid_tracker.match.tracklets.prototypes import PrototypeMemory
from reid_tracker.match.tracklets.table import TrackletTable
from tests.benchmarks.city_looks import ENCODERS, LookModel, Looks

MODEL = ENCODERS["osnet_x0_25_msmt17"]
SITES = ((2, 4, 8), (2, 10, 30), (4, 40, 120), (20, 60, 300))  # cameras, people, tracklets


def site(
    model: LookModel, cameras: int, people: int, count: int, seed: int
) -> tuple[TrackletTable, npt.NDArray[np.int64]]:
    """Return the tracklets of a site that begin within a minute, and who they are."""
    rng = np.random.default_rng(seed)
    table = TrackletTable(PrototypeMemory(6, 0.3), GroundTrails())
    start_s = np.sort(rng.uniform(0, 60, count))
    camera, who = rng.integers(0, cameras, count), rng.integers(0, people, count)
    rows = table.rows_of_keys(camera, np.arange(count), start_s)
    table.last_s[rows] = start_s + rng.uniform(1, 10, count)
    vectors = Looks(model, seed).tracklets(who, camera, np.full(count, 5), 3, 0)
    table.prototypes.put(rows, vectors, np.ones((count, 3), np.float32))
    table.hits[rows], table.quality[rows] = 5, 4
    return table, who


def pairs(table: TrackletTable, who: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Revise, and count pairs of tracklets: joined and right, joined, right."""
    times = Topology().travel_times([str(camera) for camera in range(table.camera.max() + 1)])
    found = np.zeros(len(who), np.int64)
    for number, change in enumerate(revise(table, times, 60.0, 0.0, MatchConfig()), 1):
        found[change.rows] = number
    true, joined = (np.triu(each[:, None] == each, 1) for each in (who, found))
    return np.array([(true & joined).sum(), joined.sum(), true.sum()])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Score one revision of simulated sites.")
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    for name, variance in (("CUHK03", MODEL.camera), ("PETS", 4 * MODEL.camera)):
        for cameras, people, count in SITES:
            cells = []
            for label, shifts in (
                ("plain", lambda means, cameras: 0 * camera_shifts(means, cameras)),
                ("aligned", camera_shifts),
            ):
                model = dataclasses.replace(MODEL, camera=variance)
                total = np.zeros(3, np.int64)
                with mock.patch.object(evidence, "camera_shifts", shifts):
                    for seed in range(seeds):
                        total += pairs(*site(model, cameras, people, count, seed))
                right, joined, true = total.tolist()
                cells.append(
                    f"{label}: precision {right / joined:.3f}, recall {right / true:.3f}, "
                    f"F1 {2 * right / (joined + true):.3f}"
                )
            print(f"cameras as {name}, {cameras} x {people} x {count}: {'; '.join(cells)}")


if __name__ == "__main__":
    main()
