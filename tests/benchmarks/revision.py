"""Seconds and memory of one revision of the matcher, by the number of tracklets.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.revision [COUNT ...]

Five tracklets of each person begin within a minute, each with 6 prototypes, which is the most that
the default configuration keeps. "distinct": the embeddings of different people are orthogonal.
"alike": they have the distances of the default encoder's (see `city_looks`), with three prototypes
a tracklet, as tracklets of such looks keep on average. The time is the shortest of three.
"""

from __future__ import annotations

import sys
import time
import tracemalloc

from reid_tracker.config import MatchConfig
from reid_tracker.match import Topology
from reid_tracker.match.decide.revise import revise
from tests.benchmarks.city_looks import ENCODERS
from tests.match.crowds import crowd

ALIKE = ENCODERS["osnet_x0_25_msmt17"]


def main() -> None:
    config = MatchConfig()
    times = Topology().travel_times([str(camera) for camera in range(20)])
    for count in map(int, sys.argv[1:] or ["800", "1600", "3000"]):
        for name, looks, prototypes in (("distinct", None, 6), ("alike", ALIKE, 3)):
            for ground in (False, True):
                table = crowd(count, count // 5, prototypes, ground=ground, looks=looks)
                used = []
                for _ in range(3):
                    start = time.process_time()
                    changes = revise(table, times, 60.0, 0.0, config)
                    used.append(time.process_time() - start)
                tracemalloc.start()
                revise(table, times, 60.0, 0.0, config)
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
                sys.stdout.write(
                    f"{count} tracklets, {name}, {'with' if ground else 'no'} ground plane: "
                    f"{min(used):.2f} s of CPU, {peak / 1e6:.0f} MB, {len(changes)} changes\n"
                )


if __name__ == "__main__":
    main()
