"""Opening what a recipe trains on."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.errors import InputError
from reid_tracker.train import World
from reid_tracker.train.batches.materials import open_materials
from tests.train.samples import tiny_recipe


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ("a,1,0,query\nb,1,1,gallery\n", "0 training images of 0 identities"),
        ("a,1,0,train\nb,1,1,train\n", "2 training images of 1 identities"),
    ],
)
def test_training_needs_people(tmp_path: Path, rows: str, found: str) -> None:
    """A data set may have a test alone, but nobody can be trained on it."""
    file = tmp_path / "people.csv"
    file.write_text(f"path,identity,camera,split\n{rows}")
    recipe = tiny_recipe(file, data={"name": "csv", "root": str(file)})
    with pytest.raises(InputError, match=f"{found}; training needs at least two identities"):
        open_materials(recipe, tmp_path, World())
