"""Pretraining without labels, in five ways: do region complexity and convexity foretell the accuracy after fine-tuning?

Claims tested (Tetkova et al., "On convex decision regions in deep network representations", as reported; Muthivhi and van
Zyl, "Complexity of Linear Regions in Self-supervised Deep ReLU Networks", as reported):

1. the convexity of a class in the pretrained network foretells the accuracy on it after fine-tuning (r about 0.5);
2. across ways of pretraining, convexity and region complexity go along with the accuracy after fine-tuning;
3. every way of pretraining makes fine-tuning with few labels more accurate than none;
4. self-supervised networks have fewer linear regions than supervised ones; contrast multiplies regions, self-distillation
   merges them.

Protocol: scikit-learn's digits, one half to train on and one to test on. Two encoders with 32 outputs (three hidden layers
of 64; convolutions of 4 and 8 channels and a layer of 32). Pretraining on the training images, 84 epochs of Adam (1e-3,
batches of 128): by *masking* (half of the 2 x 2 patches are hidden and reconstructed), by *rotation* (by how many right
angles), by *contrast* (SimCLR), by *decorrelation* (Barlow Twins), by *self-distillation* (BYOL: a slow copy is the
teacher), and with all *labels*; an *untrained* encoder is the control. Then the encoder and a new linear head are
fine-tuned on 10 labelled images per class (60 epochs). Eleven seeds; a seed has the same start, images and labels in every
method. Convexity is that of the encoder's outputs at the training images; regions are counted on six triangles between test
images of three classes.

Every claim states a test. Seeds are compared by flipping signs, classes and methods by permuting them, and the p-values are
corrected for all tests of this script together (Holm). A claim is undecided where its premise is not met, where the seeds,
classes or methods are too few to decide it, and where its p-value is above 0.05; it does not reproduce where the opposite
is significant. Methods, sizes and rules were fixed before the run; seed 0, on which they were tried, is no part of it.
"""

import copy
import itertools

import numpy as np
import torch
from digits_nets import Tests, conclude, contrast, flipped, learnt, load, mlp, options, views
from torch import nn
from torch.nn import functional as F

import relucvx as rx

UNTRAINED, LABELS = "untrained", "labels"
BLIND = ("masking", "rotation", "contrast", "decorrelation", "self-distillation")
METHODS = (UNTRAINED, *BLIND, LABELS)
ENCODERS = ("dense", "convolutional")
OUT, SHOTS = 32, 10
COLOURS = dict(zip(METHODS, ("0.6", "#d98b00", "#8a5fb0", "#b3123f", "#e07a9a", "#1f8a4c", "#1b4f8a"), strict=True))


def encoder(kind, seed):
    """64 pixels to 32 outputs."""
    if kind == "dense":
        return mlp((64, 64, 64, 64, OUT), seed)
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 8, 3, stride=2, padding=1),
        nn.ReLU(), nn.Flatten(), nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, OUT),
    )  # fmt: skip


def masked(X, draw):
    """Images with half of their 2 x 2 patches hidden, and which pixels are."""
    hidden = torch.rand((len(X), 4, 4), generator=draw) < 0.5
    hidden = hidden.repeat_interleave(2, 1).repeat_interleave(2, 2).reshape(len(X), 64)
    return X * ~hidden, hidden


def turned(X, draw):
    """Images turned by right angles, and by how many."""
    turns = torch.randint(0, 4, (len(X),), generator=draw)
    images = X.view(-1, 8, 8)
    every = torch.stack([torch.rot90(images, k, (1, 2)) for k in range(4)])
    return every[turns, torch.arange(len(X))].reshape(len(X), 64), turns


def projector():
    return nn.Sequential(nn.Linear(OUT, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, OUT))


def decorrelation(z, share=0.01):
    """Barlow Twins' loss: over the two views every output agrees with itself and with no other."""
    first, second = ((part - part.mean(0)) / (part.std(0) + 1e-6) for part in z.chunk(2))
    wrong = (first.T @ second / len(first) - torch.eye(z.shape[1])) ** 2
    return wrong.diagonal().sum() + share * (wrong.sum() - wrong.diagonal().sum())


class Pretraining(nn.Module):
    """An encoder with what its method puts on top of it; called with a batch it returns the loss."""

    def __init__(self, net, method):
        super().__init__()
        self.net, self.method = net, method
        heads = {
            "masking": lambda: nn.Sequential(nn.Linear(OUT, 64), nn.ReLU(), nn.Linear(64, 64)),
            "rotation": lambda: nn.Linear(OUT, 4),
            "contrast": projector,
            "decorrelation": projector,
            "self-distillation": projector,
            LABELS: lambda: nn.Linear(OUT, 10),
        }
        self.head = heads[method]()
        if method == "self-distillation":
            self.predictor = projector()
            self.teacher = copy.deepcopy(nn.Sequential(net, self.head)).requires_grad_(False)

    def forward(self, X, y, draw):
        if self.method == "masking":
            shown, hidden = masked(X, draw)
            return ((self.head(self.net(shown)) - X)[hidden] ** 2).mean()
        if self.method == "rotation":
            shown, turns = turned(X, draw)
            return F.cross_entropy(self.head(self.net(shown)), turns)
        both = torch.cat([views(X, draw), views(X, draw)])
        if self.method == LABELS:
            return F.cross_entropy(self.head(self.net(both)), y.repeat(2))
        z = self.head(self.net(both))
        if self.method == "contrast":
            return contrast(z)
        if self.method == "decorrelation":
            return decorrelation(z)
        with torch.no_grad():
            target = self.teacher(both).roll(len(X), 0)
        return 2 - 2 * F.cosine_similarity(self.predictor(z), target, dim=1).mean()

    @torch.no_grad()
    def follow(self, share=0.95):
        """Let the teacher follow."""
        if self.method == "self-distillation":
            student = nn.Sequential(self.net, self.head)
            for slow, fast in zip(self.teacher.parameters(), student.parameters(), strict=True):
                slow.lerp_(fast, 1 - share)


def pretrain(net, method, X, y, seed, epochs):
    """Train in place; returns the mean loss of the first and of the last epoch."""
    torch.manual_seed(seed)
    task, draw = Pretraining(net, method), torch.Generator().manual_seed(seed)
    weights = [p for p in task.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=1e-3, foreach=True)
    means = []
    for _ in range(epochs):
        losses = []
        for rows in torch.randperm(len(X), generator=draw).split(128)[: max(1, len(X) // 128)]:
            optimizer.zero_grad(set_to_none=True)
            loss = task(X[rows], y[rows], draw)
            loss.backward()
            optimizer.step()
            task.follow()
            losses.append(loss.item())
        means.append(np.mean(losses))
    return means[0], means[-1]


def tune(net, X, y, seed, epochs):
    """A copy of the encoder with a linear head, fine-tuned on a few labels per class."""
    torch.manual_seed(seed)
    tuned = nn.Sequential(copy.deepcopy(net), nn.Linear(OUT, 10))
    few = torch.cat([torch.where(y == c)[0][torch.randperm(int((y == c).sum()))[:SHOTS]] for c in range(10)])
    optimizer = torch.optim.Adam(tuned.parameters(), lr=1e-3, foreach=True)
    for _ in range(epochs):
        for rows in few[torch.randperm(len(few))].split(25):
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(tuned(X[rows]), y[rows]).backward()
            optimizer.step()
    return tuned.eval()


def one_run(kind, method, seed, data, quick):
    """What is measured of one encoder: dict of numbers, its outputs, and the fine-tuned decisions."""
    X, y, X_test, y_test = data
    tensors, labels = torch.from_numpy(X), torch.from_numpy(y)
    net = encoder(kind, seed)
    losses = (np.nan, np.nan)
    if method != UNTRAINED:
        losses = pretrain(net, method, tensors, labels, seed, 2 if quick else 84)
    net.eval()
    tuned = tune(net, tensors, labels, seed, 5 if quick else 60)
    with torch.no_grad():
        Z = net(tensors).double().numpy()
        decided = tuned(torch.from_numpy(X_test)).argmax(1).numpy()
    tracker = rx.metrics.RegionTracker(net, X_test, labels=y_test, mode="slices", n_polygons=2 if quick else 6)
    row = {
        "before": losses[0], "after": losses[1], "rank": float(rx.metrics.effective_rank(Z)),
        "convexity": rx.metrics.graph_convexity(Z, y, n_pairs=1000, rng=0).overall,
        "regions": tracker.record()["n_regions"], "accuracy": float((decided == y_test).mean()),
    }  # fmt: skip
    return row, Z, decided


def across_methods(x, y):
    """Mean over the seeds of the correlation across methods, and its p-value: methods are permuted, alike in all seeds.

    Both arrays are of shape (methods, seeds). The methods are the sample: seeds do not make more of them.
    """
    centred = [(v - v.mean(0)) / np.maximum(np.linalg.norm(v - v.mean(0), axis=0), 1e-12) for v in (x, y)]
    orders = list(itertools.permutations(range(len(x))))
    found = np.array([(centred[0][list(order)] * centred[1]).sum(0).mean() for order in orders])
    return float(found[0]), float((np.abs(found) >= abs(found[0]) - 1e-12).mean())


def trained(runs, kind, method):
    """Premises: pretraining lowered its own loss in every seed, and the outputs did not collapse."""
    rows = runs[kind, method]
    if method == UNTRAINED:
        return []
    falls = [row["after"] < row["before"] for row in rows]
    rank = min(row["rank"] for row in rows)
    return [
        (all(falls), f"{kind}, {method}: the loss of pretraining falls in {sum(falls)} of {len(falls)} seeds"),
        (rank >= 2, f"{kind}, {method}: effective rank from {rank:.1f}, at least 2 needed"),
    ]


def values(runs, kind, name, methods=METHODS):
    """A quantity as an array (methods, seeds)."""
    return np.array([[row[name] for row in runs[kind, method]] for method in methods])


def put_to_the_test(runs, forecasts):
    """All claims."""
    tests = Tests()
    for kind in ENCODERS:
        number = len(runs[kind, UNTRAINED])
        least = 2.0 / 2**number
        accurate = [learnt(values(runs, kind, "accuracy").mean(1).min(), 0.1)]
        for method in METHODS:
            found = forecasts[kind, method]
            tests.add(
                [*trained(runs, kind, method), *found.premises["encoder"]],
                f"{kind}, {method}: convexity of classes forecasts the accuracy on them",
                float(found.pearson[0]), float(found.p_values[0]), 1e-4,
            )  # fmt: skip
        usable = [m for m in METHODS[1:-1] if all(met for met, _ in trained(runs, kind, m))]
        compared = [UNTRAINED, *usable, LABELS]
        for name in ("convexity", "regions"):
            r, p = across_methods(*(values(runs, kind, what, compared) for what in (name, "accuracy")))
            text = f"{kind}: {name} of {len(compared)} methods goes along with their accuracy"
            tests.add(accurate, text, r, p, 2.0 / np.prod(range(1, len(compared) + 1)))
        own = {m: values(runs, kind, "accuracy", [m])[0] for m in METHODS}
        regions = {m: np.log(values(runs, kind, "regions", [m])[0]) for m in METHODS}
        for method in BLIND:
            premises = trained(runs, kind, method)
            text = f"{kind}, {method}: fine-tuning is more accurate than from an untrained encoder"
            tests.add(premises, text, *flipped(own[method] - own[UNTRAINED]), least)
            text = f"{kind}, {method}: fewer regions than with labels (log of the ratio)"
            both = [*premises, *trained(runs, kind, LABELS)]
            tests.add(both, text, *flipped(regions[method] - regions[LABELS]), least, -1)
        for method, sign, verb in (("contrast", 1, "multiplies"), ("self-distillation", -1, "merges")):
            text = f"{kind}, {method}: {verb} regions (log of end over start)"
            tests.add(trained(runs, kind, method), text, *flipped(regions[method] - regions[UNTRAINED]), least, sign)
    return tests.claims()


def table(runs):
    """Means and ranges over the seeds."""
    print(f"{'':34s}{'loss':>16s}{'rank':>7s}{'convexity':>22s}{'regions':>18s}{'accuracy':>22s}")
    for (kind, method), rows in runs.items():
        mean = {name: np.mean([row[name] for row in rows]) for name in rows[0]}
        span = {name: (min(row[name] for row in rows), max(row[name] for row in rows)) for name in rows[0]}
        loss = "" if method == UNTRAINED else f"{mean['before']:.3f} to {mean['after']:.3f}"
        print(
            f"{kind + ', ' + method:34s}{loss:>16s}{mean['rank']:7.1f}"
            + "".join(f"{mean[n]:8.3f} ({span[n][0]:.3f}-{span[n][1]:.3f})" for n in ("convexity",))
            + f"{mean['regions']:8.0f} ({span['regions'][0]:.0f}-{span['regions'][1]:.0f})".rjust(18)
            + "".join(f"{mean[n]:8.3f} ({span[n][0]:.3f}-{span[n][1]:.3f})" for n in ("accuracy",))
        )


def plot(folder, runs, forecasts):
    """Methods against each other, and classes of one method."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 3.6), layout="constrained")
    panels = figure.subplots(1, 4)
    for at, (kind, name) in enumerate(itertools.product(ENCODERS, ("regions", "convexity"))):
        for method in METHODS:
            x, y = (values(runs, kind, what, [method])[0] for what in (name, "accuracy"))
            panels[at].plot(x, y, "o", color=COLOURS[method], ms=3.5, label=method)
        panels[at].set(title=f"{kind}", xlabel=f"{name} before", ylabel="accuracy after" if at == 0 else "")
        panels[at].spines[["top", "right"]].set_visible(False)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(METHODS), frameon=False)
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "18_pretraining.png", dpi=110)
    figure = Figure(figsize=(17, 3.0), layout="constrained")
    for panel, method in zip(figure.subplots(1, len(METHODS)), METHODS, strict=True):
        forecasts["dense", method].plot(panel)
        panel.set_title(f"{method}: {panel.get_title()}", fontsize=9)
    figure.savefig(folder / "18_forecasts.png", dpi=110)


def main():
    chosen = options(__doc__)
    X, y, X_test, y_test = load(chosen.mnist, test_share=0.5)
    data = (X[:2000].astype(np.float32), y[:2000], X_test[:5000].astype(np.float32), y_test[:5000])
    seeds = range(1, 3) if chosen.quick else range(1, 12)
    runs, forecasts = {}, {}
    for kind, method in itertools.product(ENCODERS, METHODS):
        rows, outputs, decided = zip(*(one_run(kind, method, seed, data, chosen.quick) for seed in seeds), strict=True)
        runs[kind, method] = list(rows)
        recorded = [{"encoder": Z} for Z in outputs]
        forecasts[kind, method] = rx.metrics.forecast(
            recorded, list(decided), None, data[1], None, data[3], rng=0, n_resamples=4 if chosen.quick else 20
        )
    table(runs)
    print()
    for (kind, method), found in forecasts.items():
        print(f"{kind}, {method}: {found.verdict('encoder')}")
    if chosen.plot:
        plot(chosen.plot, runs, forecasts)
    conclude(put_to_the_test(runs, forecasts), chosen.quick)


if __name__ == "__main__":
    main()
