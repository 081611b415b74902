"""`reid-track train RECIPE...`: trains encoders."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from reid_tracker.cli.options import add_device
from reid_tracker.cli.parser import Parser
from reid_tracker.cli.reid_data import guess_format
from reid_tracker.cli.report import Steps
from reid_tracker.config import parse_override
from reid_tracker.errors import ConfigError
from reid_tracker.run.folders import no_empty_folder

if TYPE_CHECKING:
    from reid_tracker.train import EpochRecord, Observer, Recipe

_RUNS = Path("runs")
_SPLITS = {"train", "val", "test", "query", "gallery"}

_EXAMPLES = """\
examples:
  reid-track train paper_scratch --data Market-1501-v15.09.15
  reid-track train paper_scratch --data people.csv --set data.name=csv --set sampler.batch_size=32
  reid-track train osnet_x0_25_without_market osnet_x0_25 --resume
  torchrun --nproc-per-node 2 -m reid_tracker.cli.program train paper_scratch --data Market-1501
"""


def run(arguments: argparse.Namespace) -> int:
    """Train with each recipe."""
    overrides = dict(parse_override(text) for text in arguments.set)
    if arguments.data is not None:
        overrides["data.root"] = arguments.data
        root = Path(arguments.data)
        layout = guess_format(root) if root.exists() else "folder"
        # If the layout is not recognised, keep that of the recipe.
        if "data.name" not in overrides and (layout != "folder" or _has_folders_of_people(root)):
            overrides["data.name"] = layout
    if arguments.output is not None and len(arguments.recipes) > 1:
        raise ConfigError(
            f"--output {arguments.output}: one folder for {len(arguments.recipes)} recipes; leave "
            "it out, so that each gets its own folder"
        )
    # Large pages for large tensors, which PyTorch decides at its first one: a quarter less time on
    # CPUs under Linux.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    from reid_tracker.train import CHECKPOINT, load_recipe

    # Read all recipes first, since training takes hours.
    recipes = [load_recipe(name, overrides) for name in arguments.recipes]
    for name, recipe in zip(arguments.recipes, recipes, strict=True):
        output = Path(arguments.output or _RUNS / f"train-{Path(name).stem}")
        # With several recipes, the later ones may have no checkpoint yet.
        begun = len(recipes) == 1 or (output / CHECKPOINT).exists()
        # Of several processes only the first one writes, so only it checks the folder.
        first = os.environ.get("RANK", "0") == "0"
        with no_empty_folder(output) if first else nullcontext():
            _run(recipe, output, arguments, resume=arguments.resume and begun)
    return 0


def _has_folders_of_people(root: Path) -> bool:
    """Return whether a folder has a subfolder for each person, directly or below train/ etc."""
    return any(
        child.name not in _SPLITS or any(child.glob("[!.@]*/")) for child in root.glob("[!.@]*/")
    )


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = "Train an OSNet with a recipe; the result is FOLDER/model.pth."
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "recipes",
        metavar="RECIPE",
        nargs="+",
        help="YAML file, or a name in configs/train/: paper_scratch, ...; several are trained one "
        "after the other",
    )
    parser.add_argument("--data", metavar="PATH", help="folder or file of the data set (data.root)")
    parser.add_argument(
        "--output", "-o", metavar="FOLDER", help="folder of the run (default: runs/train-RECIPE)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue from the folder's last checkpoint"
    )
    parser.add_argument(
        "--prepare",
        action="store_true",
        help="only read the data and compute the teacher's embeddings for a later training",
    )
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="set any key of the recipe, e.g. optimiser.lr=0.01 (repeatable)",
    )
    add_device(parser)
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all cores)")
    parser.add_argument("--tensorboard", action="store_true", help="write FOLDER/tensorboard too")


def _run(recipe: Recipe, output: Path, arguments: argparse.Namespace, *, resume: bool) -> None:
    from reid_tracker.train import (
        RESULT,
        TensorBoardObserver,
        Trainer,
        choose_device,
        join_world,
        limit_threads,
    )

    if arguments.threads is not None:
        limit_threads(arguments.threads)
    device = choose_device(arguments.device)
    with ExitStack() as stack:
        world = join_world(device)
        observers: list[Observer] = []
        if world.is_main and not arguments.quiet:
            _show_notes(stack)
            observers.append(stack.enter_context(Progress(recipe.epochs)))
        if world.is_main and arguments.tensorboard:
            observers.append(stack.enter_context(TensorBoardObserver(output / "tensorboard")))
        trainer = Trainer(
            recipe, output, device=device, resume=resume, world=world, observers=observers
        )
        if arguments.prepare:
            return
        trainer.run()
    if world.is_main and not arguments.quiet:
        sys.stdout.write(f"{output / RESULT}\n")


def _show_notes(stack: ExitStack) -> None:
    """Log the preparations before the first step, which may take minutes."""
    logger = logging.getLogger("reid_tracker.train")
    stack.callback(logger.setLevel, logger.level)
    logger.setLevel(logging.INFO)


class Progress:
    """Shows the current epoch, and prints a line for each finished one, on standard error.

    It appears with the first step, so that earlier errors are one line.

    Args:
        epochs: number of epochs of the whole run.
    """

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._steps: Steps | None = None
        self._text = ""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *reason: object) -> None:
        if self._steps is not None:
            self._steps.__exit__()

    def on_step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """Show the step."""
        if self._steps is None:
            self._steps = Steps("training", steps, note=lambda: self._text)
        self._text = f"epoch {epoch}/{self._epochs}, loss {loss:.3f}"
        self._steps.reach(step, steps)

    def on_epoch(self, record: EpochRecord) -> None:
        """Print a line."""
        if self._steps is not None:
            self._steps.print(record.describe())
