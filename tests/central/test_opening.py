"""A centre refuses the gallery of another encoder."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from reid_tracker.central.opening import check_gallery
from reid_tracker.errors import ModelMismatchError
from reid_tracker.match.gallery.open import open_gallery


def test_an_empty_gallery_fits_every_encoder(tmp_path: Path) -> None:
    with open_gallery(str(tmp_path / "people.sqlite")) as store:
        assert check_gallery(store, "ab" * 32) == 0


def test_the_encoder_must_be_that_of_the_gallery() -> None:
    store = Mock()
    store.info.return_value = Mock(place="people", model="ab" * 32, embedding_size=512)
    assert check_gallery(store, "ab" * 32) == 512
    with pytest.raises(ModelMismatchError, match=r"not of (cd)+ with 512; use the same encoder"):
        check_gallery(store, "cd" * 32)
