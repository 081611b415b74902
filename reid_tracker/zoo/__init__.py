"""The models that the project knows: which there are, where they lie, and how they are fetched."""

from reid_tracker.zoo.content import Content
from reid_tracker.zoo.download import Progress
from reid_tracker.zoo.entry import Entry, Preprocessing
from reid_tracker.zoo.manifest import Manifest, load_manifest
from reid_tracker.zoo.places import best, download_folder, find, locate
from reid_tracker.zoo.pull import pull
from reid_tracker.zoo.verify import Verdict, verify

__all__ = [
    "Content",
    "Entry",
    "Manifest",
    "Preprocessing",
    "Progress",
    "Verdict",
    "best",
    "download_folder",
    "find",
    "load_manifest",
    "locate",
    "pull",
    "verify",
]
