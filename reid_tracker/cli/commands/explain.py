"""`reid-track explain DATASET`: pictures of what an encoder looks at and has learned."""

from __future__ import annotations

import argparse
import itertools
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reid_tracker.cli.parser import Parser
from reid_tracker.cli.reid_data import (
    add_data_options,
    add_encoder_options,
    choose_encoder,
    embed_sides,
    label_sides,
    open_sides,
)
from reid_tracker.encode import Encoder, build_encoder
from reid_tracker.errors import ConfigError, ReidTrackerError
from reid_tracker.evaluate import Samples
from reid_tracker.run.folders import result_folder

if TYPE_CHECKING:
    from reid_tracker.explain import Sheet
    from reid_tracker.osnet import EmbeddingNet
    from reid_tracker.train.datasets.base import PersonImages
    from reid_tracker.types import Embeddings

_EXAMPLES = """\
examples:
  reid-track explain Market-1501 --encoder osnet_x1_0_market.pth
  reid-track explain people/ --encoder my.onnx --only ranked map --images 20
  reid-track explain --curves runs/train-paper_scratch runs/train-other
"""

_KINDS = ("activation", "gates", "ranked", "map")
_NEED_OSNET = ("activation", "gates")
_FILES = {
    "activation": ("activation.png",),
    "gates": ("gate_profiles.png", "gate_clusters.png"),
    "ranked": ("ranked.png",),
    "map": ("map.png",),
    "curves": ("curves.png",),
}
_GATE_CROPS = 500
"""Number of crops whose gates are recorded; enough for stable clusters."""

_MAX_IMAGES = 200
"""Few programs can open larger sheets."""

_log = logging.getLogger(__name__)

Draw = Callable[[], Sequence["Sheet"]]


def run(arguments: argparse.Namespace) -> int:
    """Draw the requested pictures."""
    _check(arguments)
    from reid_tracker.explain.sheet import require_matplotlib
    from reid_tracker.sink.files import refuse_existing

    require_matplotlib()
    tasks: dict[str, Draw] = {}
    if arguments.dataset is not None:
        tasks |= _dataset_tasks(arguments)
    if arguments.curves:
        tasks["curves"] = _curve_task(arguments.curves)
    named = Path(arguments.dataset or arguments.curves[0]).resolve()
    name = named.stem if named.is_file() else named.name
    with result_folder(arguments.output, f"explain-{name}") as folder:
        files = {kind: [folder / name for name in _FILES[kind]] for kind in tasks}
        overwrite = arguments.overwrite
        for path in itertools.chain.from_iterable(files.values()):
            refuse_existing(path, overwrite)
        for kind, draw in tasks.items():
            for sheet, path in zip(draw(), files[kind], strict=True):
                sheet.save(path, overwrite=overwrite)
                if not arguments.quiet:
                    sys.stdout.write(f"{path}\n")
    return 0


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = (
        "Explain an encoder with PNG pictures: where it looks (activation), at which scales "
        "(gates), whom it finds (ranked) and how it arranges people (map); --curves draws training "
        "curves."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "dataset", metavar="DATASET", nargs="?", help="folder of a data set, or a CSV file"
    )
    parser.add_argument(
        "--encoder",
        "--reid-model",
        metavar="MODEL",
        default="auto",
        help="OSNet .pth or .onnx, a name of `reid-track weights list`, or any other encoder for "
        "ranked and map (default: auto, the best on this machine)",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=_KINDS,
        metavar="KIND",
        help=f"draw only these kinds: {', '.join(_KINDS)}",
    )
    parser.add_argument(
        "--curves", nargs="+", metavar="RUN", help="draw the training curves of these run folders"
    )
    parser.add_argument(
        "--images",
        type=int,
        default=12,
        metavar="N",
        help="number of crops or queries on a sheet (default: 12)",
    )
    add_data_options(parser)
    add_encoder_options(parser)
    parser.add_argument(
        "--output",
        "-o",
        metavar="FOLDER",
        help="folder for the pictures (default: a new one below runs/)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace pictures in that folder")


def _check(arguments: argparse.Namespace) -> None:
    if arguments.dataset is None and not arguments.curves:
        raise ConfigError(
            "nothing to explain: name a data set (reid-track explain DATASET --encoder MODEL), or "
            "training runs (--curves RUN)"
        )
    if arguments.dataset is None and arguments.only:
        raise ConfigError(
            f"--only {' '.join(arguments.only)} needs a data set: reid-track explain DATASET"
        )
    if not 1 <= arguments.images <= _MAX_IMAGES:
        raise ConfigError(f"--images {arguments.images}: expected 1 to {_MAX_IMAGES}")
    if arguments.batch_size < 1:
        raise ConfigError(f"--batch-size {arguments.batch_size}: expected at least 1")


def _dataset_tasks(arguments: argparse.Namespace) -> dict[str, Draw]:
    """Open the data set and the networks; return a drawing function for each kind."""
    kinds = tuple(arguments.only or _KINDS)
    _, queries, gallery = open_sides(
        arguments.dataset, arguments.format, arguments.split, compared="ranked" in kinds
    )
    chosen = choose_encoder(arguments)
    arguments.encoder = chosen.model  # the file of "auto", for titles
    tasks: dict[str, Draw] = {}
    if set(kinds) - set(_NEED_OSNET):
        if "map" in kinds:
            from reid_tracker.explain.embedding_map import require_scikit_learn

            require_scikit_learn()
        found = _Embedded(build_encoder(chosen), queries, gallery, arguments)
        tasks |= {"ranked": found.ranked, "map": found.map}
    # Only after the encoder, so that an unknown name gives no warning before the error.
    net = _find_net(arguments) if set(kinds) & set(_NEED_OSNET) else None
    if net is not None:
        inside = _InsideNet(net, queries, gallery, arguments)
        tasks |= {"activation": inside.activation, "gates": inside.gates}
    return {kind: tasks[kind] for kind in _KINDS if kind in kinds and kind in tasks}


def _find_net(arguments: argparse.Namespace) -> EmbeddingNet | None:
    """Load the OSNet; without one, warn and return None, or raise an error with --only."""
    from reid_tracker.explain import load_osnet

    try:
        return load_osnet(arguments.encoder, device=arguments.device)
    except ReidTrackerError as error:
        if arguments.only:
            raise
        _log.warning(
            "activation and gates are left out, since they need an OSNet in torch: %s", error
        )
        return None


@dataclass(frozen=True)
class _InsideNet:
    """Pictures of activations and gates inside an OSNet."""

    net: EmbeddingNet
    queries: PersonImages
    gallery: PersonImages
    arguments: argparse.Namespace

    def activation(self) -> list[Sheet]:
        """Draw activation maps of queries of different people."""
        from reid_tracker.explain import activation_sheet
        from reid_tracker.explain.choose import one_per_identity
        from reid_tracker.video.images import read_picture

        side = self.queries
        rows = one_per_identity(side.identities, self.arguments.images).tolist()
        labels = [f"person {side.identities[row]}, camera {side.cameras[row]}" for row in rows]
        images = [read_picture(side.paths[row]) for row in rows]
        title = _titled("Activation maps", self.arguments)
        return [activation_sheet(self.net, images, labels, title=title)]

    def gates(self) -> list[Sheet]:
        """Draw gate profiles of some people, and clusters of all crops with recorded gates."""
        from reid_tracker.explain import (
            cluster_gates,
            gate_cluster_sheet,
            gate_profile_sheet,
            record_gates,
        )
        from reid_tracker.explain.choose import spread
        from reid_tracker.video.images import read_picture

        people: dict[Path, int] = {}
        for side in (self.queries, self.gallery):
            people.update(zip(side.paths, side.identities.tolist(), strict=True))
        chosen = spread(len(people), _GATE_CROPS).tolist()
        paths, numbers = list(people), list(people.values())
        images = [read_picture(paths[row]) for row in chosen]
        identities = np.array([numbers[row] for row in chosen], np.int64)
        record = record_gates(self.net, images, batch_size=self.arguments.batch_size)
        title = _titled("Gate profiles", self.arguments)
        profiles = gate_profile_sheet(
            record, images, identities=identities, count=self.arguments.images, title=title
        )
        title = _titled("Clusters of crops with similar gates", self.arguments)
        return [profiles, gate_cluster_sheet(record, images, cluster_gates(record), title=title)]


@dataclass(frozen=True)
class _Embedded:
    """Pictures of the embeddings of any encoder."""

    encoder: Encoder
    queries: PersonImages
    gallery: PersonImages
    arguments: argparse.Namespace

    @cached_property
    def embeddings(self) -> list[Embeddings]:
        """(N, D) float32 unit rows of queries and of gallery, computed once."""
        return embed_sides(
            self.encoder,
            (self.queries, self.gallery),
            batch_size=self.arguments.batch_size,
            quiet=self.arguments.quiet,
        )

    def ranked(self) -> list[Sheet]:
        """Draw ranked lists of some queries."""
        from reid_tracker.explain import rank_queries, ranked_sheet
        from reid_tracker.video.images import read_picture

        labels = label_sides(self.queries, self.gallery)
        query, gallery = map(Samples, self.embeddings, labels)
        sheet = ranked_sheet(
            rank_queries(query, gallery, count=self.arguments.images),
            lambda row: read_picture(self.queries.paths[row]),
            lambda row: read_picture(self.gallery.paths[row]),
            camera_rule=len({*self.queries.cameras, *self.gallery.cameras}) > 1,
            title=_titled("Ranked lists", self.arguments),
        )
        return [sheet]

    def map(self) -> list[Sheet]:
        """Draw the map of all images, or of as many people as fit."""
        from reid_tracker.explain import embedding_map, map_sheet
        from reid_tracker.explain.embedding_map import choose_people

        sides = self.queries, self.gallery
        paths = [str(path) for side in sides for path in side.paths]
        first = np.unique(np.array(paths), return_index=True)[1]  # an image may be on both sides
        identities = np.concatenate([side.identities for side in sides])[first]
        kept = choose_people(identities)
        rows = first[kept]
        cameras = np.concatenate([side.cameras for side in sides])[rows]
        positions = embedding_map(np.concatenate(self.embeddings)[rows])
        title = _titled("Map of embeddings", self.arguments)
        return [map_sheet(positions, identities[kept], cameras, title=title)]


def _curve_task(runs: Sequence[str]) -> Draw:
    from reid_tracker.explain import curve_sheet, read_curve

    curves = [read_curve(run) for run in runs]
    if len({curve.name for curve in curves}) < len(curves):
        curves = [read_curve(run, run) for run in runs]  # equal folder names: show the paths
    return lambda: [curve_sheet(curves)]


def _titled(what: str, arguments: argparse.Namespace) -> str:
    return f"{what}: {Path(arguments.encoder).name} on {Path(arguments.dataset).resolve().name}"
