"""Seconds and memory of one revision of the matcher, by the number of tracklets.

python -m tests.benchmarks.revision [COUNT ...]
"""

from __future__ import annotations

import sys
import time
import tracemalloc

from reid_tracker.config import MatchConfig
from reid_tracker.match import Topology
from reid_tracker.match.decide.revise import revise
from tests.match.crowds import crowd


def main() -> None:
    config = MatchConfig()
    times = Topology().travel_times([str(camera) for camera in range(20)])
    for count in map(int, sys.argv[1:] or ["800", "1600", "3000"]):
        for ground in (False, True):
            table = crowd(count, count // 5, 2, ground=ground)
            start, used = time.perf_counter(), time.process_time()
            changes = revise(table, times, 60.0, 0.0, config)
            took_s, used_s = time.perf_counter() - start, time.process_time() - used
            tracemalloc.start()
            revise(table, times, 60.0, 0.0, config)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            sys.stdout.write(
                f"{count} tracklets, {'with' if ground else 'no'} ground plane: {took_s:.2f} s, "
                f"{used_s:.2f} s of CPU, {peak / 1e6:.0f} MB, {len(changes)} changes\n"
            )


if __name__ == "__main__":
    main()
