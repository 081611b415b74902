"""Opens the gallery that a path or an address means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reid_tracker.config import GalleryConfig
from reid_tracker.errors import ConfigError
from reid_tracker.match.gallery_writer import GalleryWriter
from reid_tracker.match.store import GalleryStore

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]+)://", re.IGNORECASE)


def open_gallery(address: str | Path, *, create: bool = True) -> GalleryStore:
    """Open a gallery.

    Args:
        address: a file, for the embedded gallery of one process, or postgresql://USER@HOST/DATABASE.
        create: make the file if it is not there. Tables in a database are always made.

    Raises:
        ConfigError: the address means no gallery.
        StoreError: it cannot be opened.
        MissingDependencyError: a package is needed for it.
    """
    scheme = _SCHEME.match(str(address))
    if scheme is None:
        if not str(address).strip():
            raise ConfigError("the gallery has no name; expected a file or postgresql://...")
        from reid_tracker.match.store_embedded import EmbeddedStore

        return EmbeddedStore(address, create=create)
    if scheme[1].lower() in {"postgresql", "postgres"}:
        from reid_tracker.match.store_postgres import PostgresStore

        return PostgresStore(str(address))
    raise ConfigError(
        f"no gallery can be at {scheme[1]}://; expected a file or postgresql://USER@HOST/DATABASE"
    )


@contextmanager
def writing_to(config: GalleryConfig) -> Iterator[tuple[GalleryStore, GalleryWriter]]:
    """Open the gallery of a configuration for a run, and close it with what waits written.

    Yields:
        The store, to ask; and the queue in front of it, to write.

    Raises:
        ConfigError: the configuration names no gallery.
        StoreError: it cannot be opened; at the end, something could not be written.
    """
    if config.address is None:
        raise ConfigError("gallery.address = null: expected a file or postgresql://...")
    retention_s = None if config.retention_h is None else 3600 * config.retention_h
    with open_gallery(config.address) as store:
        writer = GalleryWriter(store, capacity=config.max_waiting, retention_s=retention_s)
        with writer:
            yield store, writer
