"""Training OSNet: recipes, data sets, losses, and a training loop that resumes after a kill.

from reid_tracker.train import Trainer, load_recipe

recipe = load_recipe("paper_scratch", {"data.root": "Market-1501-v15.09.15"})
Trainer(recipe, Path("runs/market")).run()  # runs/market/model.pth and model.onnx
"""

from reid_tracker.train.datasets import DATASETS, PersonImages, ReidDataset, open_dataset
from reid_tracker.train.loop.distributed import World, join_world
from reid_tracker.train.loop.engine import CHECKPOINT, METRICS, Trainer
from reid_tracker.train.loop.history import EpochRecord
from reid_tracker.train.loop.machine import choose_device, limit_threads
from reid_tracker.train.loop.observers import Observer, TensorBoardObserver
from reid_tracker.train.loop.result import ONNX_RESULT, RESULT
from reid_tracker.train.losses.terms import (
    batch_hard_triplet,
    distil_cosine,
    distil_relation,
    smoothed_cross_entropy,
)
from reid_tracker.train.recipe import Recipe, load_recipe

__all__ = [
    "CHECKPOINT",
    "DATASETS",
    "METRICS",
    "ONNX_RESULT",
    "RESULT",
    "EpochRecord",
    "Observer",
    "PersonImages",
    "Recipe",
    "ReidDataset",
    "TensorBoardObserver",
    "Trainer",
    "World",
    "batch_hard_triplet",
    "choose_device",
    "distil_cosine",
    "distil_relation",
    "join_world",
    "limit_threads",
    "load_recipe",
    "open_dataset",
    "smoothed_cross_entropy",
]
