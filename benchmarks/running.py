"""What does an exact segment through a convolutional network cost, in forward passes of as many points as it has regions?

VGG-11 and ResNet-18 an eighth as wide as published, on 3x32x32; ResNet-18 as wide as published and GoogLeNet-like branches,
on 3x32x32 with the published stem; LeNet-5 on 28x28. The first two are walked along a whole segment between two normal
points, the others along a part of one (LeNet-5 along more). Weights are torch's own, batch statistics
those of normal inputs, segments between normal points. The forward pass is plain torch in float64 on batches of 128 points of
the segment, no gradients. Memory is the growth of the peak resident set, each network in a process of its own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from harness import arguments, interleave, ratio, save, table

BATCH = 128


def vgg(torch: Any, narrow: int) -> Any:
    """VGG-11 with batch normalisation, ``narrow`` times narrower."""
    nn, layers, channels = torch.nn, [], 3
    for width in (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"):
        if width == "M":
            layers.append(nn.MaxPool2d(2))
            continue
        out = int(width) // narrow
        layers += [nn.Conv2d(channels, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
        channels = out
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels, 10))


def resnet(torch: Any, narrow: int, published_stem: bool) -> Any:
    """ResNet-18 as torchvision writes it, with the stem for large images or with one 3x3 convolution."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, inner: int, out: int, stride: int) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(inner, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
            self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
            self.relu, self.downsample = nn.ReLU(inplace=True), None
            if stride != 1 or inner != out:
                self.downsample = nn.Sequential(nn.Conv2d(inner, out, 1, stride, bias=False), nn.BatchNorm2d(out))

        def forward(self, x: Any) -> Any:
            out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
            out += x if self.downsample is None else self.downsample(x)
            return self.relu(out)

    width = 64 // narrow
    if published_stem:
        stem = [
            nn.Conv2d(3, width, 7, 2, 3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        ]
    else:
        stem = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    sizes = [(1, 1, 1), (1, 1, 1), (1, 2, 2), (2, 2, 1), (2, 4, 2), (4, 4, 1), (4, 8, 2), (8, 8, 1)]
    blocks = [Block(a * width, b * width, stride) for a, b, stride in sizes]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8 * width, 10))


def googlenet(torch: Any) -> Any:
    """The stem and three inception blocks of GoogLeNet, branches concatenated, calls of functions in between."""
    nn, functional = torch.nn, torch.nn.functional

    class Unit(nn.Module):
        def __init__(self, inner: int, out: int, size: int, **kwargs: Any) -> None:
            super().__init__()
            self.conv, self.bn = nn.Conv2d(inner, out, size, bias=False, **kwargs), nn.BatchNorm2d(out, eps=0.001)

        def forward(self, x: Any) -> Any:
            return functional.relu(self.bn(self.conv(x)), inplace=True)

    class Inception(nn.Module):
        def __init__(self, inner: int, one: int, narrow3: int, three: int, narrow5: int, five: int, pool: int) -> None:
            super().__init__()
            self.one = Unit(inner, one, 1)
            self.three = nn.Sequential(Unit(inner, narrow3, 1), Unit(narrow3, three, 3, padding=1))
            self.five = nn.Sequential(Unit(inner, narrow5, 1), Unit(narrow5, five, 3, padding=1))
            self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), Unit(inner, pool, 1))

        def forward(self, x: Any) -> Any:
            return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], 1)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2 = Unit(3, 64, 7, stride=2, padding=3), Unit(64, 64, 1)
            self.conv3 = Unit(64, 192, 3, padding=1)
            self.a, self.b = Inception(192, 64, 96, 128, 16, 32, 32), Inception(256, 128, 128, 192, 32, 96, 64)
            self.c, self.fc = Inception(480, 192, 96, 208, 16, 48, 64), nn.Linear(512, 10)

        def forward(self, x: Any) -> Any:
            n = x.size(0)
            x = functional.max_pool2d(self.conv1(x), 3, 2, ceil_mode=True)
            x = functional.max_pool2d(self.conv3(self.conv2(x)), 3, 2, ceil_mode=True)
            x = self.c(functional.max_pool2d(self.b(self.a(x)), 3, 2, ceil_mode=True))
            return self.fc(functional.adaptive_avg_pool2d(x, (1, 1)).view(n, -1))

    return Net()


def lenet(torch: Any) -> Any:
    """LeNet-5 with ReLU and max pooling."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


# the last numbers are the part that is walked of the straight line through two normal points, which are at 0 and 1
CASES: dict[str, tuple[Callable[[Any], Any], tuple[int, ...], tuple[float, float]]] = {
    "VGG-11, 8 times narrower": (lambda torch: vgg(torch, 8), (3, 32, 32), (0.0, 1.0)),
    "ResNet-18, 8 times narrower": (lambda torch: resnet(torch, 8, False), (3, 32, 32), (0.0, 1.0)),
    "LeNet-5": (lenet, (1, 28, 28), (-3.0, 4.0)),
    "ResNet-18": (lambda torch: resnet(torch, 1, True), (3, 32, 32), (0.0, 0.05)),
    "GoogLeNet-like": (googlenet, (3, 32, 32), (0.0, 0.05)),
}
QUICK = "LeNet-5"


def made(name: str) -> Any:
    """A network in eval mode, the shape of its inputs, and two points."""
    import torch

    torch.manual_seed(0)
    factory, shape, (low, high) = CASES[name]
    module = factory(torch)
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None
    with torch.no_grad():
        module(torch.randn(64, *shape))
    start, end = torch.randn(2, *shape).double().numpy()
    return module.eval(), start + low * (end - start), start + high * (end - start)


def peak() -> int:
    """Peak resident set so far, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(name: str, repeats: int, part: float) -> dict[str, Any]:
    """One row: regions, CPU seconds of the segment and of the forward passes, their ratio, and memory."""
    import numpy as np
    import torch

    from relucvx.metrics import line_regions

    module, start, end = made(name)
    end = start + part * (end - start)
    line_regions(module, start, start + 0.001 * (end - start))  # compiles
    plain = made(name)[0].double()

    def forward(count: int) -> None:
        with torch.no_grad():
            for first in range(0, count, BATCH):
                t = torch.linspace(0, 1, min(BATCH, count - first), dtype=torch.float64).view(-1, 1, 1, 1)
                plain((1 - t) * torch.from_numpy(start) + t * torch.from_numpy(end))

    forward(BATCH)
    before, grown = peak(), []

    def walk() -> Any:
        found = line_regions(module, start, end)
        grown.append((peak() - before) / 1024)
        return found

    walks: dict[str, Callable[[], Any]] = {"line": walk}
    timings = interleave(walks, 1)
    line = timings["line"].last
    walks["forward"] = lambda: forward(line.n_regions)
    # the first walk, which says how many regions there are, is one of those that are timed
    timings |= interleave({"forward": walks["forward"]}, 1)
    for key, timing in interleave(walks, repeats - 1).items():
        timings[key].cpu += timing.cpu
    return {
        "network": name, "neurons": len(line.layer), "regions": line.n_regions, "seconds": timings["line"].seconds,
        "forward_seconds": timings["forward"].seconds, "line_over_forward": ratio(timings["line"].cpu, timings["forward"].cpu),
        "megabytes": grown[0], "codes_megabytes": line.flips.nbytes / 2**20, "flips": len(line.flips.columns),
        "shortest": float(np.diff(line.breakpoints).min()),
    }  # fmt: skip


def main() -> None:
    """Print and save the table; a network by itself is measured in a process of its own."""
    args = arguments(__doc__, ("--only", {"default": None, "help": "one network, as JSON"}))
    if args.only is not None:
        row = measure(args.only, args.repeats, 0.02 if args.quick else 1.0)
        print(json.dumps({key: list(vars(v).values()) if hasattr(v, "median") else v for key, v in row.items()}))
        return
    rows = []
    for name in [QUICK] if args.quick else CASES:
        command = [sys.executable, __file__, "--only", name, "--repeats", str(args.repeats)]
        out = subprocess.run([*command, *["--quick"] * args.quick], check=True, capture_output=True, text=True).stdout
        rows.append(json.loads(out.splitlines()[-1]))
        print(table(["quantity", "value"], [[k, str(v)] for k, v in rows[-1].items()]), flush=True)
    print(f"\n{save(__file__, args, rows)}")


if __name__ == "__main__":
    main()
