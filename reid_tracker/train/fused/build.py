"""Compiles the kernels on their first use, where processor and compiler allow it."""

from __future__ import annotations

import functools
import logging
import os
import platform
import sysconfig
from pathlib import Path
from typing import Any

import torch

logger = logging.getLogger(__name__)

_FLAGS = ("-O3", "-march=sapphirerapids", "-fno-math-errno")
_NEEDED = frozenset({"amx_tile", "amx_bf16", "avx512_bf16", "avx512bw", "avx512vl"})


@functools.cache
def load_kernels() -> Any | None:
    """Return the compiled kernels, or None, with a warning, where this machine cannot run them.

    The compilation takes a minute and needs a C++ compiler; PyTorch keeps its result in
    TORCH_EXTENSIONS_DIR.
    """
    missing = missing_features()
    if missing:
        logger.warning("the fused kernels are not used: %s", missing)
        return None
    # Its import warns of a missing CUDA compiler, which is not needed here.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    from torch.utils import cpp_extension

    source = Path(__file__).parent / "kernels.cpp"
    # ninja of an environment that is not activated lies beside its Python.
    scripts = sysconfig.get_path("scripts")
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), scripts])
    try:
        kernels = cpp_extension.load("reid_tracker_fused", [str(source)], extra_cflags=[*_FLAGS])
    except (OSError, RuntimeError, ImportError) as error:
        lines = str(error).splitlines()
        told = next((line for line in lines if " error: " in line), lines[0] if lines else "")
        reason = " ".join(told.split())[:160]
        logger.warning(
            "the fused kernels are not used: they need a C++ compiler such as GCC 12, and ninja of "
            "the extra train (%s)",
            reason,
        )
        return None
    if not kernels.tiles_granted():
        logger.warning("the fused kernels are not used: the system does not grant AMX tiles")
        return None
    kernels.keep_freed_memory()
    return kernels


def missing_features() -> str:
    """Return what this machine lacks, as words; empty if it lacks nothing."""
    if platform.system() != "Linux":
        return f"they need Linux, and this is {platform.system()}"
    try:
        words = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        words = []
    lacking = sorted(_NEEDED.difference(words))
    if lacking:
        return f"the processor has no {', '.join(lacking)}"
    if torch.get_num_threads() > 1:
        return f"they run on one thread, and --threads is {torch.get_num_threads()}"
    return ""
