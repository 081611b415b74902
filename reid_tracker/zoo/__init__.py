"""The model zoo: known models, their files on this machine, and their downloads."""

from reid_tracker.zoo.content import Content
from reid_tracker.zoo.download import DownloadProgress
from reid_tracker.zoo.entry import Entry, Preprocessing
from reid_tracker.zoo.manifest import Manifest, load_manifest
from reid_tracker.zoo.places import advice, best, download_folder, locate, recognise
from reid_tracker.zoo.pull import pull
from reid_tracker.zoo.verify import Verdict, verify

__all__ = [
    "Content",
    "DownloadProgress",
    "Entry",
    "Manifest",
    "Preprocessing",
    "Verdict",
    "advice",
    "best",
    "download_folder",
    "load_manifest",
    "locate",
    "pull",
    "recognise",
    "verify",
]
