"""Identities in a simulated city of 20 to 1,000 cameras: quality, and time per tracklet.

    python -m tests.benchmarks.city [--rows CAMERASxPEOPLE ...] [--set KEY=VALUE ...]

People walk on a street graph (`city_world`). Distances of their embeddings have the distribution of
an encoder on CUHK03 (`city_looks`). `update_tracklets` gets finished tracklets in batches of
`--batch` seconds. Only these calls are timed, as processor time, and only after `--warm` seconds,
when all people are known. One process; set OMP_NUM_THREADS=1 for one core.

- IDF1: each tracklet counts once. True and found identities are paired one to one so that most
  tracklets match; IDF1 = 2 x matches / (tracklets + tracklets with an identity). A forgotten
  tracklet keeps its last published identity.
- "handed over": the fraction of tracklets with the identity of the person's previous tracklet.
- "true/s": tracklets per simulated second; "us": microseconds of the matcher per tracklet,
  median and 95th percentile over batches, and mean; "keeps up": cameras that one core could serve
  at 10 tracklets a second each, at the mean.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from reid_tracker.config import MatchConfig, load_config, parse_override
from reid_tracker.match import CrossCameraMatcher, Topology, TrackletBatch
from tests.benchmarks.city_looks import ENCODERS, Looks
from tests.benchmarks.city_world import World, name, topology, walk

IntArray = npt.NDArray[np.int64]

ROWS = ("20x100", "20x400", "20x2000", "100x2000", "300x6000", "1000x100", "1000x20000")
CONFIG: dict[str, Any] = {
    "prototypes": 1,
    "min_hits": 2,
    "loose": 0.3,
    "patience_s": 5.0,
    "shortlist": 3,
    "max_members": 6,
    "memory_s": 60.0,
    "revise_every_s": 0.0,
}


@dataclass(frozen=True)
class Outcome:
    """Result of a run.

    Attributes:
        identity: (N,) identity of each tracklet at the end, 0 for none.
        batch_s: seconds of the matcher in each timed batch.
        batch_tracklets: tracklets in each timed batch.
        remembered: tracklets in memory at the end.
    """

    identity: IntArray
    batch_s: npt.NDArray[np.float64]
    batch_tracklets: IntArray
    remembered: int

    @property
    def microseconds(self) -> float:
        """Time per tracklet, mean over all of them."""
        return float(self.batch_s.sum() / self.batch_tracklets.sum() * 1e6)


def run(
    world: World,
    looks: Looks,
    config: MatchConfig,
    batch_s: float,
    warm_s: float,
    layout: Topology | None = None,
) -> Outcome:
    """Run the matcher on a city with a topology, by default that of the city."""
    matcher = CrossCameraMatcher(config, layout or topology(world.streets))
    names = [name(camera) for camera in range(len(world.streets.neighbours))]
    identity = np.zeros(len(world), np.int64)
    times, counts = [], []
    steps = np.arange(0, world.last_s.max() + batch_s + config.patience_s + batch_s, batch_s)
    bounds = np.searchsorted(world.last_s, steps)
    for draw, (start, end) in enumerate(itertools.pairwise(bounds.tolist())):
        batch = tracklets(world, looks, names, start, end, config.prototypes, draw)
        begin = time.process_time()
        matcher.update_tracklets(batch, float(steps[draw + 1]))
        events = matcher.events()
        if steps[draw] >= warm_s and end > start:
            times.append(time.process_time() - begin)
            counts.append(end - start)
        for event in events:
            for _, track in event.members:
                identity[track] = event.identity
    return Outcome(identity, np.array(times), np.array(counts), len(matcher.sightings()))


def tracklets(
    world: World, looks: Looks, names: list[str], start: int, end: int, prototypes: int, draw: int
) -> TrackletBatch:
    """Make the messages of a range of a city's tracklets, whose numbers are their tracks."""
    rows = np.arange(start, end)
    each = np.maximum(world.looks[rows] // prototypes, 1)
    vectors = looks.tracklets(world.person[rows], world.camera[rows], each, prototypes, draw)
    return TrackletBatch(
        cameras=[names[camera] for camera in world.camera[rows].tolist()],
        tracks=rows,
        first_s=world.first_s[rows],
        last_s=world.last_s[rows],
        prototypes=vectors,
        weights=np.repeat(each[:, None], prototypes, axis=1).astype(np.float32),
        hits=world.looks[rows],
        quality=world.looks[rows].astype(np.float64),
    )


def idf1(truth: IntArray, found: IntArray) -> float:
    """Score identities of tracklets as the module says.

    Args:
        truth: (N,) true identities.
        found: (N,) found ones, 0 for none.
    """
    sure = found > 0
    people, person = np.unique(truth[sure], return_inverse=True)
    numbers, number = np.unique(found[sure], return_inverse=True)
    if not len(people):
        return 0.0
    shared = csr_matrix((np.ones(len(person)), (person, number)), (len(people), len(numbers)))
    shared.sum_duplicates()
    entries = shared.tocoo()
    own = np.arange(len(people))
    # A column of one's own, with nothing in common; all weights are raised by one, since a sparse
    # matrix holds no zeros.
    graph = csr_matrix(
        (
            np.concatenate([entries.data, np.zeros(len(own))]) + 1,
            (np.concatenate([entries.row, own]), np.concatenate([entries.col, len(numbers) + own])),
        ),
        (len(people), len(people) + len(numbers)),
    )
    rows, columns = min_weight_full_bipartite_matching(graph, maximize=True)
    paired = float(np.asarray(graph[rows, columns]).sum()) - len(rows)
    return 2 * paired / (len(truth) + int(sure.sum()))


def handed_over(world: World, found: IntArray) -> float:
    """Return the part of tracklets that have the identity of the same person's tracklet before."""
    order = np.lexsort((world.first_s, world.person))
    same = world.person[order][1:] == world.person[order][:-1]
    kept = (found[order][1:] == found[order][:-1]) & (found[order][1:] > 0)
    return float(kept[same].mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Score and time the matcher on a city.")
    parser.add_argument("--rows", nargs="+", default=ROWS, metavar="CAMERASxPEOPLE")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--encoder", choices=sorted(ENCODERS), default="osnet_x0_25_msmt17")
    parser.add_argument("--seconds", type=float, default=120.0, help="simulated time")
    parser.add_argument("--warm", type=float, default=45.0)
    parser.add_argument("--batch", type=float, default=1.0)
    parser.add_argument("--open", action="store_true", help="match without a topology")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    overrides = CONFIG | dict(map(parse_override, arguments.set))
    config = load_config(None, overrides, kind=MatchConfig)
    print(f"# {arguments.encoder}, {arguments.seconds:g} s, {overrides}")
    print(
        "| cameras | people | tracklets | true/s | IDF1 | handed over | us | p95 | mean | "
        "keeps up | remembered | GB |\n|" + "--:|" * 12
    )
    for row in arguments.rows:
        cameras, people = map(int, row.split("x"))
        world = walk(cameras, people, arguments.seconds, arguments.seed)
        looks = Looks(ENCODERS[arguments.encoder], arguments.seed)
        print(line(cameras, people, world, looks, config, arguments), flush=True)


def line(
    cameras: int,
    people: int,
    world: World,
    looks: Looks,
    config: MatchConfig,
    arguments: argparse.Namespace,
) -> str:
    """Run a city and format its row."""
    layout = Topology() if arguments.open else None
    outcome = run(world, looks, config, arguments.batch, arguments.warm, layout)
    each = outcome.batch_s / np.maximum(outcome.batch_tracklets, 1) * 1e6
    cells = (
        f"{cameras:,}",
        f"{people:,}",
        f"{len(world):,}",
        f"{len(world) / arguments.seconds:,.0f}",
        f"{idf1(world.person, outcome.identity):.3f}",
        f"{handed_over(world, outcome.identity):.3f}",
        f"{np.median(each):.0f}",
        f"{np.percentile(each, 95):.0f}",
        f"{outcome.microseconds:.0f}",
        f"{1e5 / outcome.microseconds:,.0f}",
        f"{outcome.remembered:,}",
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f}",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
