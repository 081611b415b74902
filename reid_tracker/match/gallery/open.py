"""Opens the gallery that a path or an address means."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reid_tracker.config import GalleryConfig
from reid_tracker.errors import ConfigError
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.match.gallery.writer import GalleryWriter

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]+)://", re.IGNORECASE)


_LIMIT_S = 10.0
"""A call of a run that takes longer is given up, and made again later."""


def open_gallery(
    address: str | Path, *, create: bool = True, limit_s: float | None = None
) -> GalleryStore:
    """Open a gallery.

    Args:
        address: a file, for the embedded gallery of one process, or postgresql://USER@HOST/DATABASE.
        create: make the file if it is not there. Tables in a database are always made.
        limit_s: a database that takes longer for a call is away; None waits.

    Raises:
        ConfigError: the address means no gallery.
        StoreError: it cannot be opened.
        MissingDependencyError: a package is needed for it.
    """
    scheme = _SCHEME.match(str(address))
    if scheme is None:
        if not str(address).strip():
            raise ConfigError("the gallery has no name; expected a file or postgresql://...")
        from reid_tracker.match.gallery.embedded.store import EmbeddedStore

        return EmbeddedStore(address, create=create)
    if scheme[1].lower() in {"postgresql", "postgres"}:
        from reid_tracker.match.gallery.postgres.store import PostgresStore

        return PostgresStore(str(address), limit_s=limit_s)
    raise ConfigError(
        f"no gallery can be at {scheme[1]}://; expected a file or postgresql://USER@HOST/DATABASE"
    )


@contextmanager
def writing_to(config: GalleryConfig) -> Iterator[tuple[GalleryStore, GalleryWriter]]:
    """Open the gallery of a configuration for a run, and close it with what waits written.

    What is older than the retention is deleted before, and about once a minute from then on.

    Yields:
        The store, to ask; and the queue in front of it, to write.

    Raises:
        ConfigError: the configuration names no gallery.
        StoreError: it cannot be opened; at the end, something could not be written.
    """
    if config.address is None:
        raise ConfigError("gallery.address = null: expected a file or postgresql://...")
    retention_s = None if config.retention_h is None else 3600 * config.retention_h
    with open_gallery(config.address, limit_s=_LIMIT_S) as store:
        if retention_s is not None:
            store.purge(time.time() - retention_s)
        writer = GalleryWriter(store, capacity=config.max_waiting, retention_s=retention_s)
        with writer:
            yield store, writer
