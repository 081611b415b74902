"""Fills a gallery store with its `write` method and times searches.

    python -m tests.benchmarks.gallery_search --vectors 1000000 --kind embedded postgres

The embeddings are those of `city_looks`, which are as far apart as OSNet's: `--each` sightings of
each person, over all cameras and 24 hours, one embedding each. Somebody who asks shows a new
look of one of the people in one of the cameras. Searches cover:

- one camera, one hour; one hour of all cameras; everything;
- newcomer: how a centre asks who a new person is (`who_is`): the nearest of 32 people among all
  hours, without those in view.

Recall compares the ten nearest (of a newcomer, the 32 people) with an exact float32 search over the
rows that pass the filter, which is computed while the store is filled. "CPU" is the time of the
asking process's processor; with PostgreSQL most of the work is done by the server. Unlike in the
tests, PostgreSQL flushes to the disk.

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
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from reid_tracker.arrays import BoolArray, Float32Array, FloatArray, IntArray
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.postgres.store import PostgresStore
from reid_tracker.match.gallery.records import SightingRecord, Where
from reid_tracker.match.gallery.store import GalleryStore
from tests.benchmarks.city_looks import ENCODERS, Looks

MODEL = "0" * 64
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
SIGHTING_S = 10.0
BATCH = 2000
K = 10
SHORTLIST = 32
IN_VIEW = 400
LOOKS = Looks(ENCODERS["osnet_x0_25_msmt17"])
"""The harder of the two: people are less far apart."""


class Columns(NamedTuple):
    """Sightings in the order of time, without their embeddings."""

    cameras: IntArray
    starts_s: FloatArray
    identities: IntArray


class Question(NamedTuple):
    """A search, and the best rows so far with their scores, best first."""

    query: Float32Array
    where: Where
    best: dict[int, float]


def make(count: int, cameras: int, each: int, seed: int = 0) -> Columns:
    """Make the sightings of `count` / `each` people."""
    random = np.random.default_rng(seed)
    return Columns(
        random.integers(0, cameras, count),
        np.sort(random.uniform(0, DAY_S, count)),
        random.integers(0, max(count // each, 1), count) + 1,
    )


def embeddings(columns: Columns, rows: slice) -> Float32Array:
    """Make the (n, 512) embeddings of some sightings, always the same."""
    people = columns.identities[rows]
    shots = np.full(len(people), 3, np.int64)
    made = LOOKS.tracklets(people, columns.cameras[rows], shots, 1, rows.start)
    return np.ascontiguousarray(made[:, 0])


def questions(columns: Columns, cameras: int, counts: dict[str, int]) -> dict[str, list[Question]]:
    """Make the searches of each kind."""
    random = np.random.default_rng(1)
    made = {}
    for kind, count in counts.items():
        people = columns.identities[random.integers(0, len(columns.identities), count)]
        seen_by = random.integers(0, cameras, count)
        queries = LOOKS.tracklets(people, seen_by, np.full(count, 3, np.int64), 1, -len(kind) % 97)
        made[kind] = [
            Question(query, _where(kind, int(camera), int(person), random), {})
            for query, camera, person in zip(queries[:, 0], seen_by, people, strict=True)
        ]
    return made


def _where(kind: str, camera: int, person: int, random: np.random.Generator) -> Where:
    since = float(random.uniform(0, DAY_S - HOUR_S))
    if kind == "newcomer":
        others = random.integers(1, 10**6, IN_VIEW).tolist()
        return Where(except_identities=frozenset(others) - {person})
    if kind == "all":
        return Where()
    of = (f"camera {camera}",) if kind == "one camera, one hour" else ()
    return Where(cameras=of, since_s=since, until_s=since + HOUR_S)


def passing(columns: Columns, rows: slice, where: Where) -> BoolArray:
    """Tell which of some sightings pass a filter."""
    starts = columns.starts_s[rows]
    fits: BoolArray = (starts + SIGHTING_S >= where.since_s) & (starts <= where.until_s)
    if where.cameras:
        fits &= columns.cameras[rows] == int(where.cameras[0].split()[1])
    if where.except_identities:
        fits &= ~np.isin(columns.identities[rows], [*where.except_identities])
    return fits


def note(
    asked: dict[str, list[Question]], columns: Columns, rows: slice, made: Float32Array
) -> None:
    """Remember which of these sightings are among the best of each search."""
    for kind, those in asked.items():
        scores = made @ np.stack([one.query for one in those]).T
        most = 4 * SHORTLIST if kind == "newcomer" else K
        for one, column in zip(those, scores.T, strict=True):
            worst = min(one.best.values()) if len(one.best) >= most else -1.0
            places = np.flatnonzero(column > worst)
            if not len(places):
                continue
            places = places[passing(columns, rows, one.where)[places]]
            one.best.update(
                zip((places + rows.start).tolist(), column[places].tolist(), strict=True)
            )
            if len(one.best) > most:
                kept = sorted(one.best.items(), key=lambda item: -item[1])[:most]
                one.best.clear()
                one.best.update(kept)


def sightings(columns: Columns, rows: slice, made: Float32Array) -> list[SightingRecord]:
    """Return records."""
    return [
        SightingRecord(
            str(row),
            int(columns.identities[row]),
            f"camera {columns.cameras[row]}",
            "site",
            float(columns.starts_s[row]),
            float(columns.starts_s[row]) + SIGHTING_S,
            made[row - rows.start : row - rows.start + 1],
            1.0,
            MODEL,
        )
        for row in range(rows.start, rows.stop)
    ]


def slices(count: int) -> Iterator[slice]:
    """Yield the batches."""
    for first in range(0, count, BATCH):
        yield slice(first, min(first + BATCH, count))


def ask(store: GalleryStore, columns: Columns, kind: str, one: Question) -> float:
    """Search; returns the recall."""
    if kind == "newcomer":
        hits = store.nearest(
            one.query, model=MODEL, k=SHORTLIST, where=one.where, one_per_identity=True
        )
        people = [
            int(columns.identities[row]) for row in sorted(one.best, key=one.best.__getitem__)
        ]
        # Of the 128 best rows; the same person may be among them more than once.
        wanted = set(list(dict.fromkeys(reversed(people)))[:SHORTLIST])
        return len(wanted & {hit.sighting.identity for hit in hits}) / max(len(wanted), 1)
    hits = store.nearest(one.query, model=MODEL, k=K, where=one.where)
    return len(one.best.keys() & {int(hit.sighting.id) for hit in hits}) / max(len(one.best), 1)


def report(
    name: str, store: GalleryStore, columns: Columns, kind: str, those: list[Question]
) -> None:
    """Time the searches of a kind and print a row of the table."""
    times, own, recalls = [], [], []
    for number, one in enumerate([*those[:3], *those]):
        start, used = time.perf_counter(), time.process_time()
        recall = ask(store, columns, kind, one)
        if number >= min(3, len(those)):  # the first ones fill caches
            times.append(time.perf_counter() - start)
            own.append(time.process_time() - used)
            recalls.append(recall)
    fits = np.median([passing(columns, slice(None), one.where).sum() for one in those[:20]])
    p50, p95, p99 = (1000 * float(np.percentile(times, part)) for part in (50, 95, 99))
    print(
        f"| {name} | {kind} | {int(fits):,} | {p50:.1f} | {p95:.1f} | {p99:.1f} | "
        f"{1000 * float(np.median(own)):.1f} | {np.mean(recalls):.3f} |",
        flush=True,
    )


def run(name: str, store: GalleryStore, columns: Columns, arguments: argparse.Namespace) -> None:
    """Fill a store and time it."""
    counts = dict.fromkeys(arguments.searches, arguments.queries)
    asked = questions(columns, arguments.cameras, counts)
    gc.collect()
    before = memory_bytes(None)
    writing = own = 0.0
    count = len(columns.identities)
    for rows in slices(count):
        made = embeddings(columns, rows)
        note(asked, columns, rows, made)
        batch = sightings(columns, rows, made)
        start, used = time.perf_counter(), time.thread_time()
        store.write(batch)
        writing += time.perf_counter() - start
        own += time.thread_time() - used
    start = time.perf_counter()
    if isinstance(store, EmbeddedStore):
        store.indexed()
    elif isinstance(store, PostgresStore):
        analyse(arguments.server)
        store.indexed(3600)
    indexing = time.perf_counter() - start
    for kind, those in asked.items():
        report(name, store, columns, kind, those)
    taken = memory_bytes(arguments.server) if name == "postgres" else memory_bytes(None) - before
    print(
        f"# {name}: written in {writing:.1f} s, {count / writing:.0f} sightings/s "
        f"({count / own:.0f} a second of this thread's processor); index complete {indexing:.1f} s "
        f"later; {store.info().size_bytes / 1e6:.0f} MB on disk, {taken / 1e6:.0f} MB RSS",
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
    parser.add_argument("--each", type=int, default=20, help="sightings of a person")
    parser.add_argument("--cameras", type=int, default=20)
    parser.add_argument("--queries", type=int, default=200, help="searches of each kind")
    parser.add_argument(
        "--searches", nargs="+", default=["one camera, one hour", "one hour", "all", "newcomer"]
    )
    parser.add_argument("--folder", help="of the gallery's file; a temporary one by default")
    parser.add_argument(
        "--kind",
        nargs="+",
        choices=["embedded", "embedded-float32", "postgres"],
        default=["embedded"],
    )
    arguments = parser.parse_args()
    columns = make(arguments.vectors, arguments.cameras, arguments.each)
    print(
        f"# {arguments.vectors:,} vectors, {arguments.each} a person, {arguments.cameras} cameras"
    )
    print("| store | search | rows that fit | p50 ms | p95 ms | p99 ms | CPU ms | recall |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for kind in arguments.kind:
            if kind == "postgres":
                from tests.match.gallery.server import Server

                arguments.server = Server(flush=True)
                with PostgresStore(arguments.server.address) as store:
                    run(kind, store, columns, arguments)
                arguments.server.stop()
            else:
                dtype = np.float32 if kind.endswith("float32") else np.float16
                path = Path(folder) / f"{kind}.sqlite"
                with EmbeddedStore(path, dtype=dtype) as embedded:
                    run(kind, embedded, columns, arguments)
                gc.collect()
                start = time.perf_counter()
                with EmbeddedStore(path, dtype=dtype) as embedded:
                    opened = time.perf_counter() - start
                    embedded.indexed()
                    indexed = time.perf_counter() - start
                print(f"# {kind}: opened again in {opened:.1f} s, index after {indexed:.1f} s")
                path.unlink()


if __name__ == "__main__":
    main()
