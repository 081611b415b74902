"""The fuzz of the Python interface in short, always with the same inputs."""

from __future__ import annotations

import pytest

from tests.fuzz import python_api


@pytest.mark.parametrize("name", python_api.PROPERTIES)
def test_results_are_right_or_refused(name: str) -> None:
    python_api.run(name, 30, number=1)
