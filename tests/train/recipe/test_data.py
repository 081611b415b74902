from __future__ import annotations

import pytest

from reid_tracker.config.checked import from_mapping
from reid_tracker.errors import ConfigError
from reid_tracker.train.recipe import DataRecipe, PartRecipe, SamplerRecipe


def test_pk_needs_two_images_of_each() -> None:
    with pytest.raises(ConfigError, match="two images"):
        SamplerRecipe("pk", 16, 16)


def test_one_data_set_or_several() -> None:
    alone = DataRecipe(name="csv", root="people.csv", holdout_identities=3)
    assert [(part.name, part.root) for part in alone.sets] == [("csv", "people.csv")]
    parts = [{"name": "csv", "root": "a"}, {"name": "folder", "root": "b"}]
    joined = from_mapping(DataRecipe, {"parts": parts})
    assert joined.sets == (PartRecipe("csv", "a"), PartRecipe("folder", "b"))
    with pytest.raises(ConfigError, match=r"data\.parts already names the data sets"):
        from_mapping(DataRecipe, {"root": "c", "parts": parts})
