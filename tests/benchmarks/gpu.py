"""Time the way from frames to embeddings on a device, by stage and end to end.

    python -m tests.benchmarks.gpu [--device cuda] [--quick]

The clip of the demo is read by as many streams as asked for, each decoded for itself. Stages are
timed one by one, with a wait for the device after each; end to end is a whole run without written
files. Copies and waits are those that torch's profiler sees in one batch, once all is warm. The
matrix product that the encoder is compared with is timed on the same device and type of numbers.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from itertools import islice
from statistics import median
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from reid_tracker import Pipeline, build_detector, build_encoder, open_source
from reid_tracker.config import Config, DetectorConfig, EncoderConfig, VideoConfig
from reid_tracker.detect.tensors import TensorYolo, tensor_yolo
from reid_tracker.device.path import DevicePath
from reid_tracker.device.transfer import Uploader
from reid_tracker.encode.tensors import TensorOsnet, tensor_osnet
from reid_tracker.encode.torch_backend import TorchNetwork
from reid_tracker.types import ImageBGR
from tests.conftest import ROOT

CLIP = ROOT / "demo" / "pedestrians.mp4"
DETECTOR, ENCODER = "person_yolo11n", "osnet_x0_25_cuhk03"


def wait(device: torch.device) -> None:
    """Wait until the device has done all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(run: Callable[[], object], device: torch.device, times: int) -> float:
    """Return the median time of a call, after two that warm up."""
    spent = []
    for _ in range(times + 2):
        wait(device)
        start = time.perf_counter()
        run()
        wait(device)
        spent.append(time.perf_counter() - start)
    return median(spent[2:])


def frames_of(count: int) -> list[ImageBGR]:
    """Return the first frames of the clip."""
    with open_source(CLIP) as source:
        return [frame.image for frame in islice(source, count)]


def decode_rate(frames: int) -> float:
    """Return the frames per second that one stream is decoded with."""
    start = time.perf_counter()
    return len(frames_of(frames)) / (time.perf_counter() - start)


@torch.inference_mode()
def stage_rates(
    detector: TensorYolo, encoder: TensorOsnet, streams: int, times: int
) -> dict[str, float]:
    """Return frames per second of each stage, for batches of a frame per stream."""
    images = [image for image in frames_of(1) for _ in range(streams)]
    device, uploader = detector.device, Uploader(detector.device)
    pool = uploader.upload(images)
    found = detector.find(pool)
    boxes = int(found.counts.sum())
    rows = found.boxes.reshape(-1, 4)
    numbers = torch.arange(streams, device=device).repeat_interleave(found.boxes.shape[1])
    order = found.scores.reshape(-1).argsort(descending=True)[:boxes]
    stages: dict[str, Callable[[], object]] = {
        "upload": lambda: uploader.upload(images),
        "detect": lambda: detector.find(pool),
        "encode": lambda: encoder.embed(pool, rows[order], numbers[order]),
    }
    return {name: streams / seconds(run, device, times) for name, run in stages.items()}


def run_rate(device: str, frames_on: str, streams: int, frames: int) -> float:
    """Return frames per second of a run, over all streams, from decoding to tracks."""
    config = Config(
        detector=DetectorConfig(model=DETECTOR, device=device),
        encoder=EncoderConfig(model=ENCODER, device=device),
        video=VideoConfig(frames_on=frames_on),
    )
    pipeline = Pipeline.from_config(config)
    sources = [open_source(CLIP) for _ in range(streams)]
    for number, source in enumerate(sources):
        source.name = f"camera{number}"
    results = pipeline.run(sources)
    for _ in islice(results, 2 * streams):  # warms up
        pass
    start = time.perf_counter()
    count = sum(1 for _ in islice(results, streams * frames))
    rate = count / (time.perf_counter() - start)
    results.close()
    for source in sources:
        source.close()
    return rate


@torch.inference_mode()
def crop_rates(encoder: TensorOsnet, batches: Sequence[int], times: int) -> dict[int, float]:
    """Return crops per second by batch, from boxes to rows."""
    pool = Uploader(encoder.device).upload(frames_of(1))
    rates = {}
    for batch in batches:
        corners = torch.rand(batch, 2) * torch.tensor([600.0, 300])
        boxes = torch.cat([corners, corners + torch.tensor([60.0, 160])], 1).to(encoder.device)
        numbers = torch.zeros(batch, dtype=torch.int64, device=encoder.device)
        run = lambda b=boxes, n=numbers: encoder.embed(pool, b, n)  # noqa: E731
        rates[batch] = batch / seconds(run, encoder.device, times)
    return rates


def copies_and_waits(path: DevicePath, images: Sequence[ImageBGR]) -> dict[str, int]:
    """Return how often a warm batch was copied each way, and how often the host waited."""
    for _ in range(3):
        path.perceive(images)
    wait(path.device)
    activities = [ProfilerActivity.CPU]
    if path.device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as seen:
        path.perceive(images)
    names = [event.name for event in seen.events() or ()]
    kinds = {"to the device": "Memcpy HtoD", "to the host": "Memcpy DtoH", "waits": "Synchronize"}
    return {kind: sum(part in name for name in names) for kind, part in kinds.items()}


@torch.inference_mode()
def share_of_peak(network: TorchNetwork, batch: int, side: int, times: int) -> float:
    """Return the encoder's arithmetic per second, as a part of a large matrix product's."""
    crops = torch.rand(batch, *network.input_size, 3, device=network.device) * 255
    with FlopCounterMode(display=False) as counter:
        network.embed(crops)
    encoder = counter.get_total_flops() / seconds(
        lambda: network.embed(crops), network.device, times
    )
    matrix = torch.rand(side, side, device=network.device, dtype=network.dtype)
    product = 2 * side**3 / seconds(lambda: matrix @ matrix, network.device, times)
    return float(encoder / product)


def main(words: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=default)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 32, 128, 512])
    parser.add_argument("--frames", type=int, default=200, help="of each stream, end to end")
    parser.add_argument("--times", type=int, default=20, help="runs that a median is taken of")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    options = parser.parse_args(words)
    if options.quick:
        options.streams, options.batches, options.frames, options.times = [1], [2], 2, 1
    detector = build_detector(DETECTOR, device=options.device)
    encoder: Any = build_encoder(
        ENCODER, device=options.device, batch_size=max(*options.batches, 8)
    )
    found, embeds = tensor_yolo(detector), tensor_osnet(encoder)
    assert found is not None
    assert embeds is not None
    device = found.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{name}, {device}, torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print(f"decoding: {decode_rate(options.frames):.1f} frames/s in one stream\n")
    print("| streams | upload | detect | encode | run, device | run, host |")
    print("|---|---|---|---|---|---|")
    for streams in options.streams:
        rates = list(stage_rates(found, embeds, streams, options.times).values())
        rates += [
            run_rate(options.device, frames_on, streams, options.frames)
            for frames_on in ("device", "host")
        ]
        print(f"| {streams} | " + " | ".join(f"{rate:.1f}" for rate in rates) + " |")
    print("\n| crops in a batch | crops/s |\n|---|---|")
    for batch, rate in crop_rates(embeds, options.batches, options.times).items():
        print(f"| {batch} | {rate:.0f} |")
    images = frames_of(max(options.streams))
    counts = copies_and_waits(DevicePath(found, embeds), images)
    print("\nper batch: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    side = 4096 if device.type == "cuda" else 512
    share = share_of_peak(encoder.network, max(options.batches), side, options.times)
    print(f"encoder: {share:.1%} of the arithmetic of a {side} x {side} matrix product")


if __name__ == "__main__":
    main()
