"""Score re-identification at MSMT17's size on random embeddings: time and peak memory.

    python -m tests.benchmarks.reid_scale [--metric cosine euclidean] [--rerank]

MSMT17 has 11,659 queries and 82,161 gallery pictures of 3,060 people from 15 cameras. Re-ranking
compares all 93,820 pictures with each other, eight times the work. Each case runs in a process of
its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time

import numpy as np

from reid_tracker.evaluate import Labels, Metric, Reranking, Samples, evaluate_reid
from reid_tracker.evaluate.distance import METRICS

PEOPLE, CAMERAS, SIZE = 3060, 15, 512


def random_samples(generator: np.random.Generator, pictures: int) -> Samples:
    """Embeddings like OSNet's: not negative, and unrelated to the labels."""
    rows = generator.standard_normal((pictures, SIZE), np.float32)
    np.maximum(rows, 0, out=rows)
    identities = generator.integers(1, PEOPLE + 1, pictures)
    return Samples(rows, Labels(identities, generator.integers(0, CAMERAS, pictures)))


def run(metric: Metric, reranking: Reranking | None, queries: int, gallery: int) -> None:
    """Print one line: what, seconds, peak memory before and after, mAP."""
    generator = np.random.default_rng(0)
    query, entries = random_samples(generator, queries), random_samples(generator, gallery)
    before = peak_gib()
    start = time.perf_counter()
    scores = evaluate_reid(query, entries, metric=metric, reranking=reranking)
    seconds = time.perf_counter() - start
    name = f"{metric}{' + re-ranking' if reranking else ''}"
    print(
        f"{name:24}{seconds:10.1f}{1000 * seconds / queries:12.2f}{before:14.2f}{peak_gib():12.2f}"
        f"{scores.mean_ap:10.5f}",
        flush=True,
    )


def peak_gib() -> float:
    """Return the most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description="Time the ReID evaluation at MSMT17's size.")
    parser.add_argument("--metric", nargs="+", choices=METRICS, default=["cosine", "euclidean"])
    parser.add_argument("--queries", type=int, default=11_659)
    parser.add_argument("--gallery", type=int, default=82_161)
    parser.add_argument("--rerank", action="store_true", help="also with re-ranking")
    arguments = parser.parse_args()
    print(f"{arguments.queries} queries, {arguments.gallery} gallery pictures, {SIZE} numbers each")
    print(f"{'':24}{'s':>10}{'ms/query':>12}{'GiB of data':>14}{'GiB peak':>12}{'mAP':>10}")
    cases: list[tuple[Metric, Reranking | None]] = [(name, None) for name in arguments.metric]
    if arguments.rerank:
        cases.append((arguments.metric[0], Reranking()))
    for case in cases:
        process = multiprocessing.get_context("spawn").Process(
            target=run, args=(*case, arguments.queries, arguments.gallery)
        )
        process.start()
        process.join()


if __name__ == "__main__":
    main()
