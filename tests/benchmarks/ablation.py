"""The ablation table of the OSNet paper, made small: x0.25 at 128x64 on CUHK03.

    python tests/benchmarks/ablation.py --output runs/ablation
        [--data ../shared/data/reid/cuhk03] [--rows 1 5 9] [--seeds 3] [--epochs 8]
        [--identities 300] [--threads 1] [--table]

All rows use the same recipe (`recipe_of`): random initial weights, labels, and the embeddings of a
teacher (an OSNet x0.25 of MSMT17). Rows 1, 5 and 9 are trained with several seeds, the others with
one. A finished run is a line of `results.jsonl` in the output folder, keyed by a hash of its
settings, and is not repeated; a killed run resumes from its last epoch. `--table` only prints the
table of finished runs. About 40 minutes on one CPU core.

Scores are for the 100 people of val/: images of camera A are searched in camera B by cosine
distance, with the weights of the last step. The published scores are those of the paper at full
width and 256x128 on Market-1501, so only the order of rows and their differences are comparable.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from reid_tracker.config.checked import to_yaml
from reid_tracker.errors import InputError, ReidTrackerError
from reid_tracker.osnet.complexity import count_macs, count_parameters
from reid_tracker.train import (
    CHECKPOINT,
    EpochRecord,
    PersonImages,
    Recipe,
    ReidDataset,
    Trainer,
    limit_threads,
    open_dataset,
)
from reid_tracker.train.batches.materials import LabelledCrops
from reid_tracker.train.images import open_crops
from reid_tracker.train.loop.net import build_net
from reid_tracker.train.loop.validate import score
from reid_tracker.train.recipe import (
    AugmentRecipe,
    DataRecipe,
    LossRecipe,
    ModelRecipe,
    OptimiserRecipe,
    Phase,
    SamplerRecipe,
    ScheduleRecipe,
    TeacherRecipe,
)

HEIGHT, WIDTH = 128, 64
NET = ModelRecipe(name="osnet_x0_25")
TEACHER = "../shared/weights/osnet_x0_25_msmt17.onnx"
RESULTS = "results.jsonl"
NOT_RUN = "not run"


@dataclass(frozen=True)
class Row:
    """A row of the published table."""

    name: str
    model: ModelRecipe
    published: tuple[float, float]
    """Rank-1 and mAP on Market-1501, per cent."""


ROWS = {
    1: Row("T=4, unified gate, channel-wise", NET, (93.6, 81.0)),
    2: Row("T=4, standard 3x3 convolutions", replace(NET, lite=False), (94.0, 82.7)),
    3: Row("T=4, same depth in every stream", replace(NET, same_depth=True), (91.7, 77.9)),
    4: Row("T=4, concatenation", replace(NET, aggregation="concat"), (91.4, 77.4)),
    5: Row("T=4, addition", replace(NET, aggregation="add"), (92.0, 78.2)),
    6: Row("T=4, separate gates", replace(NET, aggregation="separate"), (92.9, 80.2)),
    7: Row("T=4, unified gate, stream-wise", replace(NET, aggregation="stream"), (92.6, 80.0)),
    8: Row("T=4, learned and fixed gates", replace(NET, aggregation="fixed"), (91.6, 77.5)),
    9: Row("T=1", replace(NET, streams=1), (86.5, 67.7)),
    10: Row("T=2", replace(NET, streams=2), (91.7, 77.0)),
    11: Row("T=3", replace(NET, streams=3), (92.8, 79.9)),
}
REPEATED = (1, 9, 5)
"""These rows are trained with several seeds, and first."""


@dataclass(frozen=True)
class Run:
    """One training: a row and a seed, and how long on how many people."""

    row: int
    seed: int
    epochs: int
    identities: int

    @property
    def settings(self) -> str:
        """A hash of everything that the result depends on, except the images."""
        text = f"{self.identities} identities\n{to_yaml(recipe_of(self))}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def __str__(self) -> str:
        return f"row {self.row} ({ROWS[self.row].name}), seed {self.seed}"


@dataclass(frozen=True)
class Result:
    """A finished run, as `results.jsonl` keeps it; scores in per cent."""

    settings: str
    row: int
    seed: int
    epochs: int
    identities: int
    rank1: float
    mean_ap: float
    seconds: float
    """Of training; of the last part only, where a killed run went on."""


class Progress:
    """Reports the progress of a run on stderr."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def on_step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        pass

    def on_epoch(self, record: EpochRecord) -> None:
        print(f"{self._run}: {record.describe()}", file=sys.stderr, flush=True)


def recipe_of(run: Run, images: str = "") -> Recipe:
    """Return the recipe of a run; only the model and the seed differ between rows."""
    return Recipe(
        data=DataRecipe(name="csv", root=images),
        model=ROWS[run.row].model,
        sampler=SamplerRecipe(name="pk", batch_size=32, identities_per_batch=8),
        augment=AugmentRecipe(flip=0.5, crop=0.5, erase=0.3),
        # The paper's loss, and a teacher's embeddings. In the few minutes that this machine has for
        # a row, labels alone hardly begin to teach: rank-1 was 6 after 12 epochs, and 1 (chance)
        # with a batch-hard triplet loss beside them, which drew all embeddings to one point.
        loss=LossRecipe(
            cross_entropy=1.0, label_smoothing=0.1, distil_cosine=10.0, distil_relation=10.0
        ),
        teacher=TeacherRecipe(models=(TEACHER,), identity_pull=0.5),
        optimiser=OptimiserRecipe(name="adamw", lr=0.003, weight_decay=0.02, decay_norms=False),
        schedule=ScheduleRecipe(name="cosine", by_step=True, warmup_steps=50),
        phases=(Phase(run.epochs, HEIGHT, WIDTH),),
        precision="bfloat16",
        channels_last=True,
        seed=run.seed,
    )


def plan(rows: Iterable[int], seeds: int, epochs: int, identities: int) -> list[Run]:
    """List the runs: every row once, the repeated ones first, and then their other seeds."""
    wanted = sorted(set(rows), key=lambda row: (row not in REPEATED, row))
    return [
        Run(row, seed, epochs, identities)
        for seed in range(1, seeds + 1)
        for row in wanted
        if seed == 1 or row in REPEATED
    ]


def open_data(root: Path, identities: int) -> ReidDataset:
    """Read the crops, with the training images of so many identities, always the same ones.

    Raises:
        InputError: the crops are missing, or have too few identities.
    """
    data = open_dataset("cuhk03_crops", root)
    if not len(data.query):
        raise InputError(f"{root}: no folder val/, which holds the people to be found")
    names = np.unique(data.train.identities)
    if not 2 <= identities <= len(names):
        raise InputError(f"--identities {identities}: expected 2 to {len(names)}, as in {root}")
    chosen = np.random.default_rng(0).permutation(names)[:identities]
    train = data.train[np.isin(data.train.identities, chosen)]
    return ReidDataset(train, data.query, data.gallery)


def write_list(images: PersonImages, path: Path) -> None:
    """Write images as the CSV that the recipe names."""
    labels = zip(images.identities.tolist(), images.cameras.tolist(), strict=True)
    lines = [
        f"{file.resolve()},{identity:05d},{camera}\n"
        for file, (identity, camera) in zip(images.paths, labels, strict=True)
    ]
    path.write_text("".join(["path,identity,camera\n", *lines]), encoding="utf-8")


def train(run: Run, data: ReidDataset, output: Path) -> Result:
    """Train and score one run.

    Raises:
        ReidTrackerError: a picture cannot be read, or a file cannot be written.
    """
    folder = output / f"row{run.row:02d}_seed{run.seed}_{run.settings}"
    folder.mkdir(parents=True, exist_ok=True)
    images = folder / "train.csv"
    write_list(data.train, images)
    begin = time.perf_counter()
    trainer = Trainer(
        recipe_of(run, str(images)),
        folder,
        resume=(folder / CHECKPOINT).exists(),
        observers=[Progress(run)],
    )
    net = trainer.run().kept.eval()
    seconds = time.perf_counter() - begin
    size = (HEIGHT, WIDTH)
    query, gallery = (
        LabelledCrops(side, open_crops(side.paths, size, 1.0))
        for side in (data.query, data.gallery)
    )
    scores = score(net, query, gallery, size)
    return Result(
        run.settings,
        **asdict(run),
        rank1=round(100 * scores.rank(1), 2),
        mean_ap=round(100 * scores.mean_ap, 2),
        seconds=round(seconds, 1),
    )


def read_results(path: Path) -> dict[str, Result]:
    """Read finished runs by the hash of their settings; skip a line truncated by a kill."""
    results = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for line in lines:
        try:
            result = Result(**json.loads(line))
        except (ValueError, TypeError):
            print(f"{path}: left out a damaged line", file=sys.stderr)
            continue
        results[result.settings] = result
    return results


def append(result: Result, path: Path) -> None:
    """Append a line, also if the previous one was truncated."""
    whole = not path.is_file() or path.read_bytes()[-1:] in (b"", b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(("" if whole else "\n") + json.dumps(asdict(result)) + "\n")


def table(runs: Sequence[Run], results: Mapping[str, Result]) -> str:
    """Return the table in Markdown."""
    lines = [
        "| # | variant | runs | rank-1 | mAP | parameters | multiply-adds at "
        f"{HEIGHT}x{WIDTH} | published rank-1 / mAP |",
        "|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    for number in sorted({run.row for run in runs}):
        row = ROWS[number]
        done = [
            results[run.settings] for run in runs if run.row == number and run.settings in results
        ]
        net = build_net(row.model, 0)
        cells = [
            str(number),
            row.name,
            str(len(done)),
            spread([result.rank1 for result in done]),
            spread([result.mean_ap for result in done]),
            f"{count_parameters(net):,}",
            f"{count_macs(net, HEIGHT, WIDTH) / 1e6:.1f} M",
            "{:.1f} / {:.1f}".format(*row.published),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(values: Sequence[float]) -> str:
    """Write the mean and, of several values, their standard deviation (n - 1)."""
    if not values:
        return NOT_RUN
    mean = f"{statistics.mean(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.1f}"


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train and print the OSNet paper's ablation.")
    parser.add_argument("--output", type=Path, required=True, help="folder of runs and results")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/reid/cuhk03"))
    parser.add_argument("--rows", type=int, nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--seeds", type=_positive, default=3, help="of rows 1, 5 and 9")
    parser.add_argument("--epochs", type=_positive, default=8)
    parser.add_argument("--identities", type=int, default=300, help="people to train on")
    parser.add_argument("--threads", type=_positive, default=1)
    parser.add_argument("--table", action="store_true", help="only print finished runs")
    return parser.parse_args(words)


def _positive(word: str) -> int:
    value = int(word)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{word}: expected at least 1")
    return value


def run_all(runs: Sequence[Run], arguments: argparse.Namespace) -> dict[str, Any]:
    """Train what is not finished, and return all results by the hash of their settings."""
    path = arguments.output / RESULTS
    results = read_results(path)
    missing = [run for run in runs if run.settings not in results]
    if arguments.table or not missing:
        return results
    data = open_data(arguments.data, arguments.identities)
    limit_threads(arguments.threads)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for run in missing:
        result = train(run, data, arguments.output)
        append(result, path)
        results[result.settings] = result
        print(f"{run}: {result}", file=sys.stderr, flush=True)
    return results


def main(words: Sequence[str] | None = None) -> int:
    """Train, and print the table."""
    arguments = read_arguments(words)
    runs = plan(arguments.rows, arguments.seeds, arguments.epochs, arguments.identities)
    try:
        results = run_all(runs, arguments)
    except ReidTrackerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(table(runs, results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
