"""Time training steps of OSNet on one thread, with PyTorch's operators and with the fused kernels.

    python -m tests.benchmarks.training_speed [--nets osnet_x0_25 osnet_x0_5] [--batch 96]

A step is forward and backward in bfloat16; both nets take turns, so that a busy moment of the
machine slows both down alike. The fused kernels need a CPU with AMX and a C++ compiler.
"""

from __future__ import annotations

import argparse
import copy
import os
import statistics
import sys
import time

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as `reid-track train` does

import torch
from torch import Tensor, nn

from reid_tracker.osnet import OSNETS
from reid_tracker.train.fused.build import load_kernels
from reid_tracker.train.fused.modules import fuse


def step(net: nn.Module, images: Tensor, targets: Tensor) -> float:
    """Return the seconds of one step."""
    begin = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16):
        embeddings = net(images)
    (embeddings.float() * targets).mean().backward()
    return time.perf_counter() - begin


def main() -> int:
    """Print one line for each net and size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", nargs="+", default=["osnet_x0_25", "osnet_x0_5"])
    parser.add_argument("--sizes", nargs="+", default=["128x64", "256x128"])
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--steps", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if load_kernels() is None:
        return 1
    print("| net | size | plain, crops/s | fused, crops/s | ratio |")
    print("|---|---|--:|--:|--:|")
    for name in arguments.nets:
        for size in arguments.sizes:
            height, width = map(int, size.split("x"))
            plain = OSNETS[name]().to(memory_format=torch.channels_last).train()
            nets = {"plain": plain, "fused": copy.deepcopy(plain)}
            fuse(nets["fused"])
            images = torch.randn(arguments.batch, 3, height, width)
            images = images.contiguous(memory_format=torch.channels_last)
            targets = torch.randn(arguments.batch, 512)
            times: dict[str, list[float]] = {kind: [] for kind in nets}
            for _ in range(arguments.steps):
                for kind, net in nets.items():
                    times[kind].append(step(net, images, targets))
            # The first step of each also allocates memory.
            rates = {
                kind: arguments.batch / statistics.median(found[1:])
                for kind, found in times.items()
            }
            ratio = rates["fused"] / rates["plain"]
            print(
                f"| {name} | {size} | {rates['plain']:.0f} | {rates['fused']:.0f} | {ratio:.2f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
