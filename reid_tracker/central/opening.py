"""Opens the sites of a centre."""

from __future__ import annotations

from collections.abc import Iterator

from reid_tracker.central.centre import Central
from reid_tracker.central.matcher import Matching
from reid_tracker.central.recognise import AskingTime
from reid_tracker.central.recording import Observe
from reid_tracker.central.site import CentralSite
from reid_tracker.config import Config
from reid_tracker.match.build import build_matcher
from reid_tracker.match.decide.matcher import CrossCameraMatcher
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.match.places.topology import Topology
from reid_tracker.transport import Broker


def open_centre(
    config: Config,
    broker: Broker,
    store: GalleryStore,
    *,
    encoder: tuple[str, int],
    topology: Topology | None,
    observe: Observe,
) -> Central:
    """Open the sites of a configuration.

    Args:
        config: configuration of the run.
        broker: a connected broker.
        store: the gallery.
        encoder: fingerprint and embedding size of the encoder; size 0 means that of the first
            message.
        topology: the possible ways between cameras; None learns them.
        observe: called with the name and duration of each stage.
    """
    model, dim = encoder

    def new_matcher(numbers: Iterator[int]) -> CrossCameraMatcher:
        return build_matcher((), config.match, topology, numbers=numbers)

    retention_h = config.gallery.retention_h
    retention_s = None if retention_h is None else 3600 * retention_h
    matching = Matching(model, new_matcher, dim, AskingTime())
    sites = [
        CentralSite(site, broker, store, matching, config=config.central, observe=observe)
        for site in config.central.sites
    ]
    return Central(sites, store, config.central.batch_s, retention_s)
