"""Checks that every store makes of a query and of its model."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from reid_tracker.errors import InputError, ModelMismatchError
from reid_tracker.match.gallery.open import open_gallery
from reid_tracker.match.gallery.store import check_gallery, check_model, check_query
from tests.match.gallery.samples import MODEL, OTHER_MODEL, person


def test_a_query_becomes_one_float32_embedding() -> None:
    found = check_query(person(1).astype(np.float64).tolist(), 3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, person(1))


@pytest.mark.parametrize(
    ("query", "k", "message"),
    [
        (person(1)[None], 1, r"query of shape \(1, 16\), expected one embedding, \(D,\)"),
        ([], 1, r"shape \(0,\)"),
        (3 * person(1), 1, "query: a row has length 3, expected unit rows"),
        (person(1), 0, "k = 0: expected at least 1"),
    ],
)
def test_a_query_that_is_not_allowed(query: object, k: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_query(query, k)


def test_an_empty_store_takes_any_model_and_a_full_one_only_its_own() -> None:
    check_model("people", None, OTHER_MODEL, 512)
    check_model("people", (MODEL, 16), MODEL, 16)
    for model, size in ((OTHER_MODEL, 16), (MODEL, 512)):
        with pytest.raises(ModelMismatchError) as caught:
            check_model("people", (MODEL, 16), model, size)
        assert str(caught.value).startswith(
            f"people holds embeddings of model {MODEL[:24]} with 16 numbers, "
            f"not of {model[:24]} with {size}"
        )


def test_an_empty_gallery_fits_every_encoder(tmp_path: Path) -> None:
    with open_gallery(str(tmp_path / "people.sqlite")) as store:
        assert check_gallery(store, "ab" * 32) == 0


def test_the_encoder_must_be_that_of_the_gallery() -> None:
    store = Mock()
    store.info.return_value = Mock(place="people", model="ab" * 32, embedding_size=512)
    assert check_gallery(store, "ab" * 32) == 512
    with pytest.raises(ModelMismatchError, match=r"not of (cd)+ with 512; use the same encoder"):
        check_gallery(store, "cd" * 32)
