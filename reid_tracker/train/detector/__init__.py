"""Training a one-class person detector: pictures are gathered and composed, ultralytics trains.

from reid_tracker.train.detector import load_detector_recipe, prepare_pictures, train_detector

recipe = load_detector_recipe("person_yolo11n")
prepare_pictures(recipe, Path("runs/person/data"))
train_detector(recipe, Path("runs/person"))  # runs/person/person_yolo11n.pt
"""

from reid_tracker.train.detector.prepare import prepare_pictures
from reid_tracker.train.detector.recipe import DetectorRecipe, load_detector_recipe
from reid_tracker.train.detector.yolo import train_detector

__all__ = ["DetectorRecipe", "load_detector_recipe", "prepare_pictures", "train_detector"]
