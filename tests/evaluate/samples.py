"""Random evaluation problems: few identities and cameras, distances with many ties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from reid_tracker.evaluate import Labels

seeds = st.integers(0, 2**32 - 1)


@dataclass
class Problem:
    distances: npt.NDArray[np.float32]
    query: Labels
    gallery: Labels


def people(labels: Labels) -> list[tuple[int, int]]:
    return list(zip(labels.identities.tolist(), labels.cameras.tolist(), strict=True))


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Up to 8 queries and 20 gallery entries, with junk in both and distractors in the gallery."""
    generator = np.random.default_rng(draw(seeds))
    queries, entries = draw(st.integers(0, 8)), draw(st.integers(0, 20))
    levels = draw(st.sampled_from([1, 3, 1000]))
    identities = generator.integers(1, 4, queries)
    identities[generator.random(queries) < 0.1] = -1
    return Problem(
        (generator.integers(0, levels, (queries, entries)) / levels).astype(np.float32),
        Labels(identities, generator.integers(0, 3, queries)),
        Labels(generator.integers(-1, 5, entries), generator.integers(0, 3, entries)),
    )


def clusters(
    generator: np.random.Generator, people: int, pictures: int, size: int = 16, noise: float = 1.0
) -> tuple[npt.NDArray[np.float32], Labels]:
    """Embeddings of people around a centre each, pictures from two cameras in turn."""
    identities = np.repeat(np.arange(1, people + 1), pictures)
    cameras = np.tile(np.arange(pictures) % 2, people)
    centres = generator.normal(size=(people + 1, size))
    rows = centres[identities] + noise * generator.normal(size=(len(identities), size))
    return rows.astype(np.float32), Labels(identities, cameras)
