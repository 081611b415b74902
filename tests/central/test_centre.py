"""Several sites of one centre."""

from __future__ import annotations

import dataclasses
import time

import pytest

from reid_tracker.central.centre import Central
from reid_tracker.central.records import (
    key_of_sighting,
)
from reid_tracker.errors import (
    ConfigError,
)
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.transport import (
    MemoryBroker,
)
from tests.central.world import (
    CENTRAL,
    groups,
    open_site,
    outgoing,
    same,
    walks,
)
from tests.waiting import PATIENCE_S


def test_sites_are_matched_separately(store: GalleryStore) -> None:
    broker = MemoryBroker()
    messages, truth = walks(3)
    config = dataclasses.replace(CENTRAL, recognise=False)
    sites = [open_site(broker, store, site=site, config=config) for site in ("north", "south")]
    broker.publish([outgoing(one, "north") for one in messages])
    broker.publish(
        [outgoing(one, "south")._replace(message_id=f"s{i}") for i, one in enumerate(messages)]
    )
    centre = Central(sites, store, 0.1, retention_s=3600.0)
    end_s = time.monotonic() + PATIENCE_S
    while any(site.intake.receiver.pending() for site in sites) and time.monotonic() < end_s:
        centre.turn()
    centre.finish()
    for site in ("north", "south"):
        own = {
            key: one.identity
            for one in store.sightings()
            if (key := key_of_sighting(site, one.id)) is not None
        }
        assert groups(own) == same(truth)
    with pytest.raises(ConfigError, match="--site hall"):
        Central([], store, 0.1)
