"""Opens the gallery at a path or an address. A new kind of store is added here, in `STORES`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from reid_tracker.errors import ConfigError
from reid_tracker.match.gallery.store import GalleryStore

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]+)://", re.IGNORECASE)

NewStore = Callable[[str, bool, float | None], GalleryStore]
"""Opens a store at an address; takes `create` and `limit_s` of `open_gallery`."""


def _embedded(address: str, create: bool, limit_s: float | None) -> GalleryStore:
    from reid_tracker.match.gallery.embedded.store import EmbeddedStore

    return EmbeddedStore(address, create=create)


def _postgres(address: str, create: bool, limit_s: float | None) -> GalleryStore:
    from reid_tracker.match.gallery.postgres.store import PostgresStore

    return PostgresStore(address, limit_s=limit_s)


STORES: dict[str, NewStore] = {"": _embedded, "postgresql": _postgres, "postgres": _postgres}
"""The stores by the scheme of their addresses; the empty scheme is a file."""

FORMS = ["a file", "postgresql://USER@HOST/DATABASE"]
"""The forms of addresses, for messages."""


def open_gallery(
    address: str | Path, *, create: bool = True, limit_s: float | None = None
) -> GalleryStore:
    """Open a gallery.

    Args:
        address: a file, for the embedded gallery of one process, or postgresql://USER@HOST/DATABASE.
        create: create the file if it does not exist. Tables in a database are always created.
        limit_s: time limit of a call, after which a database counts as unavailable; None waits.

    Raises:
        ConfigError: there is no kind of gallery with such an address.
        StoreError: the gallery cannot be opened.
        MissingDependencyError: a package is missing.
    """
    return STORES[_scheme(address)](str(address), create, limit_s)


def open_to_read(address: str | Path) -> GalleryStore:
    """Open an existing gallery to read it, also a file that another process uses.

    A file is read as it is now; see `open_gallery` for addresses and errors.
    """
    if _scheme(address):
        return open_gallery(address, create=False)
    from reid_tracker.match.gallery.embedded.store import EmbeddedStore

    return EmbeddedStore(address, read_only=True)


def _scheme(address: str | Path) -> str:
    expected = " or ".join(FORMS)
    if not str(address).strip():
        raise ConfigError(f"the gallery has no name; expected {expected}")
    found = _SCHEME.match(str(address))
    scheme = found[1].lower() if found else ""
    if scheme not in STORES:
        raise ConfigError(f"no gallery can be at {scheme}://; expected {expected}")
    return scheme
