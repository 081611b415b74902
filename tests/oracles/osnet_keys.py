"""Names, shapes and order of the tensors in published OSNet checkpoints, from their grammar.

Written from a description of the checkpoints, without the package: an oracle for its state dicts.
`python -m tests.oracles.osnet_keys FOLDER` writes the lists that tests/osnet/goldens holds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

Key = tuple[str, tuple[int, ...]]

WIDTHS = {
    "x1_0": (64, 256, 384, 512),
    "x0_75": (48, 192, 288, 384),
    "x0_5": (32, 128, 192, 256),
    "x0_25": (16, 64, 96, 128),
}
NAMES = (
    *(f"osnet_{width}" for width in WIDTHS),
    "osnet_ibn_x1_0",
    *(f"osnet_ain_{width}" for width in WIDTHS),
)
GOLDENS = ("osnet_x0_25", "osnet_x1_0", "osnet_ibn_x1_0", "osnet_ain_x1_0")

# OSNet-AIN: which blocks have instance norm in place of the batch norm behind conv3.
AIN_INSIDE = {(2, 0), (2, 1), (3, 1), (4, 0)}


def keys(name: str, num_classes: int = 1000) -> list[Key]:
    """List (key, shape) of a published net's checkpoint; 0 classes: without classifier."""
    ain, ibn = "_ain_" in name, "_ibn_" in name
    c = next(channels for width, channels in WIDTHS.items() if name.endswith(width))
    lines: list[Key] = [("conv1.conv.weight", (c[0], 3, 7, 7))]
    lines += affine("conv1.bn", c[0]) if ain or ibn else batch_norm("conv1.bn", c[0])
    for stage in (2, 3, 4):
        for index in (0, 1):
            cin = c[stage - 2] if index == 0 else c[stage - 1]
            prefix = f"conv{stage}.{index}"
            if ain:
                inside = (stage, index) in AIN_INSIDE
                lines += block(prefix, cin, c[stage - 1], ain=True, closing_bn=not inside)
                has_in = inside
            else:
                lines += block(prefix, cin, c[stage - 1], ain=False, closing_bn=True)
                has_in = ibn and stage == 2
            if has_in:
                lines += affine(f"{prefix}.IN", c[stage - 1])
        if stage < 4:
            where = f"pool{stage}.0" if ain else f"conv{stage}.2.0"
            lines += conv_bn(where, c[stage - 1], c[stage - 1])
    lines += conv_bn("conv5", c[3], c[3])
    lines += [("fc.0.weight", (512, c[3])), ("fc.0.bias", (512,)), *batch_norm("fc.1", 512)]
    if num_classes:
        lines += [("classifier.weight", (num_classes, 512)), ("classifier.bias", (num_classes,))]
    return lines


def block(prefix: str, cin: int, cout: int, *, ain: bool, closing_bn: bool) -> Iterator[Key]:
    mid = cout // 4
    hidden = mid // 16
    yield from conv_bn(f"{prefix}.conv1", cin, mid)
    for stream in (1, 2, 3, 4):
        for layer in range(stream):
            if ain:
                where = f"{prefix}.conv2.{stream - 1}.layers.{layer}"
            elif stream == 1:
                where = f"{prefix}.conv2a"
            else:
                where = f"{prefix}.conv2{'?abcd'[stream]}.{layer}"
            yield f"{where}.conv1.weight", (mid, mid, 1, 1)
            yield f"{where}.conv2.weight", (mid, 1, 3, 3)
            yield from batch_norm(f"{where}.bn", mid)
    yield f"{prefix}.gate.fc1.weight", (hidden, mid, 1, 1)
    yield f"{prefix}.gate.fc1.bias", (hidden,)
    yield f"{prefix}.gate.fc2.weight", (mid, hidden, 1, 1)
    yield f"{prefix}.gate.fc2.bias", (mid,)
    if closing_bn:
        yield from conv_bn(f"{prefix}.conv3", mid, cout)
    else:
        yield f"{prefix}.conv3.conv.weight", (cout, mid, 1, 1)
    if cin != cout:
        yield from conv_bn(f"{prefix}.downsample", cin, cout)


def conv_bn(prefix: str, cin: int, cout: int) -> list[Key]:
    return [(f"{prefix}.conv.weight", (cout, cin, 1, 1)), *batch_norm(f"{prefix}.bn", cout)]


def batch_norm(prefix: str, channels: int) -> list[Key]:
    return [
        *affine(prefix, channels),
        (f"{prefix}.running_mean", (channels,)),
        (f"{prefix}.running_var", (channels,)),
        (f"{prefix}.num_batches_tracked", ()),
    ]


def affine(prefix: str, channels: int) -> list[Key]:
    return [(f"{prefix}.weight", (channels,)), (f"{prefix}.bias", (channels,))]


def as_text(lines: list[Key]) -> str:
    """One line a tensor: its name and its shape, such as `conv1.conv.weight 64x3x7x7`."""
    return "".join(f"{key} {'x'.join(map(str, shape)) or 'scalar'}\n" for key, shape in lines)


if __name__ == "__main__":
    for golden in GOLDENS:
        (Path(sys.argv[1]) / f"{golden}.txt").write_text(as_text(keys(golden)), encoding="utf-8")
