"""Fills a gallery store with its `write` method and times searches.

    python -m tests.benchmarks.gallery_search --vectors 1000000 --kind embedded postgres

Random vectors form clusters like people: 20 sightings per person, over all cameras and 24 hours.
Searches cover one camera and one hour, one hour of all cameras, and everything. A query is a stored
vector with noise. Recall compares the ten nearest with an exact float32 search over the filtered
rows. Unlike in the tests, PostgreSQL flushes to the disk.

RSS of the embedded store is the growth of the process. RSS of PostgreSQL is the sum over its
processes, with shared memory counted once and without the kernel's page cache.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reid_tracker.match.gallery.records import SightingRecord, Where
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.types import Embeddings

MODEL = "0" * 64
HOUR_S = 3600.0
DAYS = 1
SIGHTING_S = 10.0
BATCH = 2000
K = 10
SEARCHES = ("one camera, one hour", "one hour", "all")


class Data(NamedTuple):
    """Sightings as columns, in the order of time."""

    vectors: Embeddings
    cameras: npt.NDArray[np.int64]
    starts_s: npt.NDArray[np.float64]
    identities: npt.NDArray[np.int64]


def make(count: int, size: int, cameras: int, seed: int = 0) -> Data:
    """Make vectors of `count` / 20 people: each a direction of its own with noise about it."""
    random = np.random.default_rng(seed)
    people = max(count // 20, 1)
    # Non-negative, as after the ReLU at the end of OSNet.
    centres = np.abs(random.standard_normal((people, size), np.float32))
    identities = random.integers(0, people, count)
    vectors = np.empty((count, size), np.float32)
    for start in range(0, count, 50_000):
        rows = slice(start, start + 50_000)
        noise = random.standard_normal(vectors[rows].shape, np.float32)
        block = np.maximum(centres[identities[rows]] + 0.6 * noise, 0)
        vectors[rows] = block / np.linalg.norm(block, axis=1, keepdims=True)
    starts = np.sort(random.uniform(0, DAYS * 24 * HOUR_S, count))
    return Data(vectors, random.integers(0, cameras, count), starts, identities + 1)


def sightings(data: Data) -> Iterator[list[SightingRecord]]:
    """Yield all sightings in batches."""
    for first in range(0, len(data.vectors), BATCH):
        yield [
            SightingRecord(
                str(row),
                int(data.identities[row]),
                f"camera {data.cameras[row]}",
                "site",
                float(data.starts_s[row]),
                float(data.starts_s[row]) + SIGHTING_S,
                data.vectors[row : row + 1],
                1.0,
                MODEL,
            )
            for row in range(first, min(first + BATCH, len(data.vectors)))
        ]


def exact(data: Data, query: npt.NDArray[np.float32], rows: npt.NDArray[np.int64]) -> set[str]:
    """The ids of the nearest of some rows."""
    scores = data.vectors[rows] @ query
    return {str(rows[place]) for place in np.argsort(-scores, kind="stable")[:K].tolist()}


def measure(
    store: GalleryStore, data: Data, queries: int, search: str, seed: int = 1
) -> tuple[list[float], list[float]]:
    """Time searches of a kind in `SEARCHES`; returns seconds and recall of each."""
    random = np.random.default_rng(seed)
    times, recalls = [], []
    everything = np.arange(len(data.vectors))
    for _ in range(queries):
        near = int(random.integers(len(data.vectors)))
        query = data.vectors[near] + 0.02 * random.standard_normal(data.vectors.shape[1])
        query = (query / np.linalg.norm(query)).astype(np.float32)
        where, rows = Where(), everything
        if search != "all":
            since = float(random.uniform(0, (DAYS * 24 - 1) * HOUR_S))
            where = Where(since_s=since, until_s=since + HOUR_S)
            fits = (data.starts_s + SIGHTING_S >= since) & (data.starts_s <= since + HOUR_S)
            if search == "one camera, one hour":
                camera = int(data.cameras[near])
                where = replace(where, cameras=(f"camera {camera}",))
                fits &= data.cameras == camera
            rows = np.flatnonzero(fits)
        start = time.perf_counter()
        hits = store.nearest(query, model=MODEL, k=K, where=where)
        times.append(time.perf_counter() - start)
        wanted = exact(data, query, rows)
        recalls.append(len(wanted & {hit.sighting.id for hit in hits}) / max(len(wanted), 1))
    return times, recalls


def report(name: str, times: list[float], recalls: list[float]) -> None:
    """Print a row of the table."""
    p50, p95, p99 = (1000 * float(np.percentile(times, part)) for part in (50, 95, 99))
    print(
        f"{name:34} {len(times):8} {p50:9.1f} {p95:9.1f} {p99:9.1f} {np.mean(recalls):10.3f}",
        flush=True,
    )


def run(name: str, store: GalleryStore, data: Data, arguments: argparse.Namespace) -> None:
    """Fill a store and time it."""
    before = memory_bytes(None)
    writing = 0.0
    for batch in sightings(data):
        start = time.perf_counter()
        store.write(batch)
        writing += time.perf_counter() - start
    if name == "postgres":
        analyse(arguments.server)
    counts = {"one camera, one hour": arguments.queries, "one hour": arguments.queries}
    for search in SEARCHES:
        queries = counts.get(search, arguments.whole_queries)
        measure(store, data, min(queries, 3), search, seed=2)
        report(f"{name}, {search}", *measure(store, data, queries, search))
    taken = memory_bytes(arguments.server) if name == "postgres" else memory_bytes(None) - before
    print(
        f"# {name}: written in {writing:.1f} s, {len(data.vectors) / writing:.0f} sightings/s; "
        f"{store.info().size_bytes / 1e6:.0f} MB on disk, {taken / 1e6:.0f} MB RSS",
        flush=True,
    )


def memory_bytes(server: Any) -> int:
    """Return the memory of this process, or of a database server."""
    psutil = importlib.import_module("psutil")  # has no types

    if server is None:
        return int(psutil.Process().memory_info().rss)
    main = psutil.Process(server.process_id)
    return sum(one.memory_full_info().pss for one in [main, *main.children(recursive=True)])


def analyse(server: Any) -> None:
    """Do at once what the server does by itself within a minute."""
    import psycopg

    with psycopg.connect(server.address, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=512, help="numbers in an embedding")
    parser.add_argument("--cameras", type=int, default=20)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--whole-queries", type=int, default=20, help="searches without a filter")
    parser.add_argument(
        "--kind",
        nargs="+",
        choices=["embedded", "embedded-float32", "postgres"],
        default=["embedded"],
    )
    arguments = parser.parse_args()
    data = make(arguments.vectors, arguments.size, arguments.cameras)
    print(f"# {arguments.vectors} vectors of {arguments.size}, {arguments.cameras} cameras, 24 h")
    print(
        f"{'search':34} {'searches':>8} {'p50 ms':>9} {'p95 ms':>9} {'p99 ms':>9} {'recall@10':>10}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for kind in arguments.kind:
            if kind == "postgres":
                from reid_tracker.match.gallery.postgres.store import PostgresStore
                from tests.match.gallery.server import Server

                arguments.server = Server(flush=True)
                with PostgresStore(arguments.server.address) as store:
                    run(kind, store, data, arguments)
                arguments.server.stop()
            else:
                from reid_tracker.match.gallery.embedded.store import EmbeddedStore

                dtype = np.float32 if kind.endswith("float32") else np.float16
                path = Path(folder) / f"{kind}.sqlite"
                with EmbeddedStore(path, dtype=dtype) as embedded:
                    run(kind, embedded, data, arguments)
                gc.collect()
                start = time.perf_counter()
                EmbeddedStore(path, dtype=dtype).close()
                print(f"# {kind}: opened again in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
