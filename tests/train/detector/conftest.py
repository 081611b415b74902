from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_ultralytics_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep ultralytics from making a settings file in the home folder of who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YOLO_CONFIG_DIR", str(tmp_path_factory.mktemp("ultralytics")))
        yield
