"""A centre is opened with the sites, the limits and the matcher of its configuration."""

from __future__ import annotations

import dataclasses
import time

from reid_tracker.central.opening import open_centre
from reid_tracker.central.records import key_of_sighting
from reid_tracker.config import Config, GalleryConfig
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.transport.brokers.memory import MemoryBroker
from tests.central.world import CENTRAL, MATCH, MODEL, groups, outgoing, same, walks
from tests.waiting import PATIENCE_S


def test_a_centre_of_a_configuration_matches_each_of_its_sites(store: GalleryStore) -> None:
    broker, stages = MemoryBroker(), set[str]()
    central = dataclasses.replace(CENTRAL, sites=("north", "south"), recognise=False)
    config = Config(match=MATCH, central=central, gallery=GalleryConfig(retention_h=None))
    centre = open_centre(
        config,
        broker,
        store,
        encoder=(MODEL, 0),
        topology=None,
        observe=lambda name, _: stages.add(name),
    )
    messages, truth = walks(2)
    broker.publish([outgoing(one, "north") for one in messages])
    end_s = time.monotonic() + PATIENCE_S
    while store.count() < len(truth) and time.monotonic() < end_s:
        centre.turn()
    centre.finish()
    own = {key_of_sighting("north", one.id): one.identity for one in store.sightings()}
    assert groups({key: number for key, number in own.items() if key}) == same(truth)
    assert stages
