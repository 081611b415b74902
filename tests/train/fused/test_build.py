from __future__ import annotations

import logging

import pytest
import torch

from reid_tracker.train.fused import build


def test_a_machine_without_amx_trains_as_usual(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(build, "_NEEDED", frozenset({"amx_of_the_future"}))
    build.load_kernels.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert build.load_kernels() is None
    build.load_kernels.cache_clear()
    assert "the processor has no amx_of_the_future" in caplog.text


def test_several_threads_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_NEEDED", frozenset())
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert build.missing_features() == "they run on one thread, and --threads is 3"


def test_a_missing_compiler_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from torch.utils import cpp_extension

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("FAILED: kernels.o\nkernels.cpp:3:1: error: no such header\n1 error")

    monkeypatch.setattr(build, "missing_features", lambda: "")
    monkeypatch.setattr(cpp_extension, "load", fail)
    build.load_kernels.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert build.load_kernels() is None
    build.load_kernels.cache_clear()
    assert "(kernels.cpp:3:1: error: no such header)" in caplog.text
