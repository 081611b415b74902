"""Batch statistics over two processes: their halves of a batch give the whole batch's gradients."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
import torch.distributed
from torch import Tensor, nn

from reid_tracker.osnet.blocks import OSBlock
from reid_tracker.train import join_world
from reid_tracker.train.fused.build import load_kernels
from reid_tracker.train.fused.modules import fuse
from tests.train.loop.test_distributed import in_two_processes

_PROGRAM = """
import sys
from tests.train.fused.test_functions import save_gradients
save_gradients(sys.argv[1])
"""


def block_and_images() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    block = OSBlock(32, 128).to(memory_format=torch.channels_last).train()
    images = torch.randn(8, 32, 16, 8) + torch.arange(8).view(8, 1, 1, 1)
    return block, images.contiguous(memory_format=torch.channels_last)


def gradients(block: nn.Module, images: Tensor, *, fused: bool) -> dict[str, Tensor]:
    """Return the gradients of a loss that is a mean over images, and the running statistics."""
    if fused:
        fuse(block)
    with torch.autocast("cpu", torch.bfloat16, enabled=fused):
        output = block(images)
    (output.float() * torch.linspace(-1, 1, 128).view(1, -1, 1, 1)).mean().backward()
    found = {name: part.grad for name, part in block.named_parameters() if part.grad is not None}
    return found | dict(block.named_buffers())


def save_gradients(path: str) -> None:
    torch.set_num_threads(1)
    world = join_world(torch.device("cpu"))
    block, images = block_and_images()
    halves = images.chunk(world.size)  # the second is much brighter than the first
    found = gradients(block, halves[world.rank], fused=True)
    for name, part in found.items():
        if "running" not in name and "num_batches" not in name:
            torch.distributed.all_reduce(part)
            part.div_(world.size)  # as DDP does
    if world.is_main:
        torch.save(found, path)
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_halves_of_a_batch(tmp_path: Path) -> None:
    assert load_kernels() is not None
    in_two_processes(_PROGRAM, tmp_path, tmp_path / "gradients.pt")
    halves = torch.load(tmp_path / "gradients.pt", weights_only=True)
    block, images = block_and_images()
    whole = gradients(copy.deepcopy(block), images, fused=True)
    exact = gradients(copy.deepcopy(block), images, fused=False)
    assert halves.keys() == whole.keys()
    for name, part in whole.items():
        if name.endswith("num_batches_tracked"):
            continue
        size = exact[name].norm() + 1e-9
        limit = 0.01 if "running" in name else 0.1  # of gradients, rounded in another order
        assert (halves[name] - part).norm() / size < limit, name
        if "running" in name:
            assert (part - exact[name]).norm() / size < limit, name
