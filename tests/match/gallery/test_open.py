"""Addresses of galleries, and the recipe for a new store: one factory, and the contract suite."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reid_tracker.errors import ConfigError, StoreError
from reid_tracker.match.gallery import open as gallery_open
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.open import open_gallery
from reid_tracker.match.gallery.store import GalleryStore
from tests.conftest import Clock
from tests.match.gallery import test_contract

# The whole contract runs on the toy store too: pytest collects these tests again here, and they use
# the fixture `open_gallery` below instead of that of all stores.
globals().update({name: it for name, it in vars(test_contract).items() if name.startswith("test_")})


class ToyStore(EmbeddedStore):
    """A store of a new kind: a folder for each gallery, at toy://FOLDER."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(folder / "people.sqlite", clock=clock)


@pytest.fixture(name="open_gallery")
def open_toy(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], GalleryStore]:
    """Follows the recipe of CONTRIBUTING: adds a factory to STORES and its form to FORMS."""

    def new_toy(address: str, create: bool, limit_s: float | None) -> GalleryStore:
        folder = Path(address.removeprefix("toy://"))
        if not create and not folder.exists():
            raise StoreError(f"{folder}: no such gallery; name one with --gallery")
        return ToyStore(folder, clock)

    monkeypatch.setitem(gallery_open.STORES, "toy", new_toy)
    monkeypatch.setattr(gallery_open, "FORMS", [*gallery_open.FORMS, "toy://FOLDER"])
    return lambda: open_gallery(f"toy://{tmp_path / 'people'}")


@pytest.fixture
def store(open_gallery: Callable[[], GalleryStore]) -> Iterator[GalleryStore]:
    with open_gallery() as opened:
        yield opened


def test_a_new_kind_is_found_by_its_scheme(
    open_gallery: Callable[[], GalleryStore], tmp_path: Path
) -> None:
    with open_gallery() as opened:
        assert isinstance(opened, ToyStore)
    with pytest.raises(ConfigError, match=r"or toy://FOLDER$"):
        gallery_open.open_gallery("ftp://host/people")
    with pytest.raises(StoreError, match="no such gallery"):
        gallery_open.open_gallery(f"toy://{tmp_path / 'none'}", create=False)


def test_a_path_is_the_embedded_store(tmp_path: Path) -> None:
    for address in (tmp_path / "people.sqlite", str(tmp_path / "C: no scheme")):
        with gallery_open.open_gallery(address) as opened:
            assert opened.info().kind == "embedded"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "the gallery has no name; expected a file or postgresql://USER@HOST/DATABASE"),
        ("  ", "the gallery has no name"),
        ("FTP://me:secret@host/x", "no gallery can be at ftp://; expected a file or postgresql"),
    ],
)
def test_an_address_of_no_gallery_is_one_line(address: str, message: str) -> None:
    threads = threading.active_count()
    with pytest.raises(ConfigError, match=message) as caught:
        gallery_open.open_gallery(address)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert threading.active_count() == threads
