"""What does it take to measure every layer of the networks that people have?

A profile of each network, in a process of its own: CPU and wall seconds of the call, the peak of the resident memory (loading
torch included), the machine's load, what was cut or projected, and how often the network ran for its layers: once per batch,
besides two passes over three samples.

Networks are trained for a moment on classes that overlap, so that decisions and labels differ. Pairs per class are 1,000
where a network is cheap to run and 20 where it is not, because the straight segments of the Euclidean convexity cost ten
forward passes for each pair.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from harness import arguments, pinned, save, table, timed

LARGEST_MEGABYTES = 2048.0
"""Peak asked for."""

MOST_SECONDS = 600.0
"""CPU seconds after which a profile is no longer one "in minutes"."""

BATCH = 64

CASES: dict[str, dict[str, Any]] = {
    "mlp, 10,000 samples": {"network": "mlp", "n": 10_000, "pairs": 1000, "lines": 100},
    "cnn": {"network": "cnn", "n": 2000, "pairs": 200, "lines": 20},
    "cnn, 10,000 samples": {"network": "cnn", "n": 10_000, "pairs": 200, "lines": 20},
    "vit-like": {"network": "vit", "n": 300, "pairs": 20, "lines": 20},
    "gpt-like": {"network": "gpt", "n": 300, "pairs": 20, "lines": 20},
    "lstm": {"network": "lstm", "n": 300, "pairs": 20, "lines": 20},
    "half precision": {"network": "half", "n": 1000, "pairs": 200, "lines": 20},
    "resnet-18, full width, no pooling": {"network": "resnet", "n": 200, "pairs": 20, "lines": 20},
}


def network(kind: str) -> tuple[Any, tuple[int, ...]]:
    """A network of 10 classes, and the shape of one input."""
    import torch
    from torch import nn

    torch.manual_seed(0)

    class Transformer(nn.Module):
        """Six blocks over patches with a class token, or over steps that see only what was before."""

        def __init__(self, causal: bool) -> None:
            super().__init__()
            block = nn.TransformerEncoderLayer(
                128, 4, 256, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            self.causal = causal
            self.into = nn.Linear(48, 128)
            self.places = nn.Parameter(0.02 * torch.randn(1, 65, 128))
            self.token = nn.Parameter(torch.zeros(1, 1, 128))
            self.blocks = nn.TransformerEncoder(block, 6, enable_nested_tensor=False)
            self.norm, self.head = nn.LayerNorm(128), nn.Linear(128, 10)

        def forward(self, x: Any) -> Any:
            x = self.into(x)
            if not self.causal:
                x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1)
            x = x + self.places[:, : x.shape[1]]
            mask = torch.full((x.shape[1], x.shape[1]), -1e9).triu(1) if self.causal else None
            x = self.norm(self.blocks(x, mask=mask))
            return self.head(x[:, -1 if self.causal else 0])

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = nn.LSTM(48, 128, 2, batch_first=True), nn.Linear(128, 10)

        def forward(self, x: Any) -> Any:
            return self.head(self.lstm(x)[0][:, -1])

    class Block(nn.Module):
        def __init__(self, a: int, b: int, stride: int) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b)
            self.conv2, self.bn2 = nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b)
            self.relu = nn.ReLU(inplace=True)
            self.down = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b)) if stride > 1 else None

        def forward(self, x: Any) -> Any:
            out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
            return self.relu(out + (x if self.down is None else self.down(x)))

    if kind == "mlp":
        return nn.Sequential(
            nn.Linear(784, 512),
            nn.ReLU(),
            nn.Linear(512, 256),
            nn.ReLU(),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
        ), (784,)
    if kind == "cnn":
        return nn.Sequential(
            nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 10),
        ), (1, 28, 28)  # fmt: skip
    if kind in ("vit", "gpt"):
        return Transformer(kind == "gpt"), (64, 48)
    if kind == "lstm":
        return Recurrent(), (32, 48)
    if kind == "half":
        return nn.Sequential(nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)), (256,)
    stages = [Block(64, 64, 1), Block(64, 64, 1)]
    for width in (128, 256, 512):
        stages += [Block(width // 2, width, 2), Block(width, width, 1)]
    return nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1), *stages,
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10),
    ), (3, 64, 64)  # fmt: skip


def data(n: int, shape: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """Classes that overlap, and three binary variables of them."""
    import numpy as np

    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(n) % 10)
    centres = rng.standard_normal((10, *shape))
    size = float(np.prod(shape)) ** 0.5
    X = (rng.standard_normal((n, *shape)) + 2.5 * centres[labels] / size * 1.5).astype(np.float32)
    return X, labels, np.stack([labels % 2, labels // 2 % 2, labels >= 5], axis=1)


def measured(case: dict[str, Any]) -> dict[str, Any]:
    """One profile, in this process."""
    import resource

    import numpy as np
    import torch

    import relucvx as rx

    torch.set_num_threads(1)
    module, shape = network(case["network"])
    X, labels, factors = data(case["n"], shape)
    few, target = torch.from_numpy(X[:512]), torch.from_numpy(labels[:512])
    optimiser = torch.optim.Adam(module.parameters(), 1e-3)
    for _ in range(case.get("steps", 6)):
        for part in range(0, len(few), 64):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(module(few[part : part + 64]), target[part : part + 64]).backward()
            optimiser.step()
    module.eval()
    if case["network"] == "half":
        module, X = module.half(), torch.from_numpy(X).half()
    tokens = {"vit": "cls", "gpt": "last"}.get(case["network"], "all")
    passes = []
    hook = module.register_forward_pre_hook(lambda *_: passes.append(1))
    rx.metrics.layer_activations(module, X, project="auto", batch_size=BATCH, tokens=tokens)
    hook.remove()
    load = os.getloadavg()[0]
    if "warm" in case:  # kernels are compiled before the clock starts
        small = {"n_pairs": 2, "n_lines": 2, "max_samples": 60, "rng": 0}
        rx.metrics.profile(module, X, labels, factors=factors, tokens=tokens, progress=False, **small)
    options = {"n_pairs": case["pairs"], "n_lines": case["lines"], "max_samples": None, "rng": 0, "progress": False}
    slow: dict[str, float] = {}
    last: list[Any] = []

    def watch(progress: Any) -> None:
        import time

        now = time.process_time()
        if last:
            slow[last[0]] = slow.get(last[0], 0.0) + now - last[1]
        last[:] = [progress.metric, now]

    wall, cpu, frame = timed(
        lambda: rx.metrics.profile(module, X, labels, factors=factors, tokens=tokens, callback=watch, **options)
    )
    values = frame.drop(columns=["type", "width"]).to_numpy(dtype=float)
    return {
        "samples": case["n"], "pairs": case["pairs"], "layers": len(frame), "widest": int(frame["width"].max()),
        "columns": frame.shape[1] - 2, "values": int(np.isfinite(values).sum()), "cpu_seconds": cpu, "wall_seconds": wall,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "load": load,
        "passes": len(passes), "batches": -(-case["n"] // BATCH),
        "projected": {name: facts["columns"] for name, facts in frame.attrs["projected"].items()},
        "left_out": {column: str(why)[:120] for column, why in frame.attrs["left_out"].items()},
        "cut": frame.attrs["cut"], "complete": frame.attrs["complete"],
        "cpu_by_column": {name: round(seconds, 2) for name, seconds in sorted(slow.items(), key=lambda one: -one[1])[:6]},
    }  # fmt: skip


def run(case: dict[str, Any]) -> dict[str, Any]:
    """One case in a process of its own."""
    command = [sys.executable, "-W", "ignore::RuntimeWarning", __file__, "--case", json.dumps(case)]
    done = subprocess.run(command, env={**os.environ, **pinned()}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"a case failed:\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print and save the table; exit with an error where a figure is missed."""
    args = arguments(
        __doc__,
        ("--case", {"default": None, "help": "one case as JSON, in this process"}),
        ("--only", {"nargs": "*", "choices": list(CASES), "default": list(CASES), "help": "some of the networks"}),
    )
    if args.case is not None:
        print(json.dumps(measured(json.loads(args.case)), default=str))
        return
    chosen = (
        {"toy": {"network": "half", "n": 60, "pairs": 5, "lines": 2}}
        if args.quick
        else {k: CASES[k] for k in args.only}
    )
    rows, missed = [], []
    for name, case in chosen.items():
        row = {"network": name, **run({**case, "warm": True})}
        rows.append(row)
        print(json.dumps(row), flush=True)
        if row["megabytes"] > LARGEST_MEGABYTES:
            missed.append(f"{name}: {row['megabytes']:.0f} MB")
        if row["cpu_seconds"] > MOST_SECONDS:
            missed.append(f"{name}: {row['cpu_seconds']:.0f} CPU s")
        if row["passes"] > row["batches"] + 3 or not row["complete"] or row["cut"]:
            missed.append(f"{name}: {row['passes']} passes for {row['batches']} batches, cut {row['cut']}")
    shown = ["network", "samples", "pairs", "layers", "widest", "values", "cpu_seconds", "wall_seconds", "megabytes", "passes",
             "batches", "load"]  # fmt: skip
    print(table(shown, [[row[key] for key in shown] for row in rows]))
    print(f"\n{save(__file__, args, rows)}")
    if missed:
        raise SystemExit("; ".join(missed))


if __name__ == "__main__":
    main()
