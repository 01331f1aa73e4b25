"""Linear regions of one encoder trained with labels, by contrast, and by self-distillation.

Muthivhi and van Zyl ("Complexity of Linear Regions in Self-supervised Deep ReLU Networks", arXiv 2604.24393) report for
MNIST and FashionMNIST that self-supervised training needs far fewer linear regions near the data than supervised
training at comparable accuracy, that contrastive training rapidly expands the number of regions while self-distillation
merges them, that a collapse of the representation shows early in the regions, and that regions go along with the quality
of the representation. Their numbers are not known here, so only directions are tested.

Protocol: an encoder with three hidden layers of 64 neurons and 32 outputs; for every method the same start, the same two
views per sample (shift by a pixel, noise, dropped pixels) and the same 704 steps of Adam (1e-3, batches of 128).
Supervised: a linear head. Contrastive: SimCLR's loss at temperature 0.5. Distilled: SimSiam. Two broken versions of it,
without its stop-gradient and without its predictor, should collapse. SimSiam's batch norms were kept because it learns
nothing without the last one, as the probe says; nothing was chosen by looking at regions.

`RegionTracker` measures the encoder on fixed triangles between samples of three classes ("regions"), on fixed triangles
between a sample and two views of it ("around"), and on fixed segments. Accuracy is that of a logistic probe of the
encoder's outputs, on test digits. Four seeds say little about small differences: a direction counts as reproduced when all
of them agree.

What it depends on: regions first merge and later multiply, whatever the loss, unless it collapses. In the run below
(64 epochs) supervised encoders are just past that minimum, and only the collapse without stop-gradient stands out.
With EPOCHS = 512 (the same seeds; eight times as long) regions of supervised encoders go on multiplying, 2.8 times the
start, so self-supervised ones end with 0.45 (contrastive) and 0.56 (distilled) times as many, every seed below 0.64,
at 2 to 3 points less accuracy; and regions go with accuracy between methods (12 healthy runs: Pearson +0.72 [+0.24,
+0.91], Spearman +0.61 [+0.00, +0.89]; not within them, -0.18 both). At equal accuracy they still do not have far fewer
(0.93 and 1.62), self-distillation still merges nothing (1.61 times the start), contrastive training expands in three
of four seeds (1.30) and ends with fewer regions than self-distillation. Without its predictor self-distillation then
collapses as well (accuracy 0.81), which the regions show late (epoch 256; accuracy 64).
"""

import numpy as np
import torch
from digits_nets import conclude, contrast, given, load, mlp, options, unanimous, views
from scipy import stats
from torch import nn
from torch.nn import functional as F

from relucvx.metrics import RegionTracker, effective_rank, linear_probe, slice_regions

HEALTHY = ("supervised", "contrastive", "distilled")
BROKEN = ("no stop-gradient", "no predictor")
METHODS = (*HEALTHY, *BROKEN)
COLORS = dict(zip(METHODS, ("#1b4f8a", "#b3123f", "#1f8a4c", "#d98b00", "#8a5fb0"), strict=True))
WIDTHS, OUT = (64, 64, 64), 32
EPOCHS = 64


def agree(p, z):
    """SimSiam's loss: the prediction from one view should point where the other view's projection does."""
    return -F.cosine_similarity(p, z.roll(len(z) // 2, 0), dim=1).mean()


def heads(n_classes=10):
    """Supervised head, and SimSiam's projector and predictor with its batch norms: without the last one it learns nothing."""
    projector = nn.Sequential(
        nn.Linear(OUT, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, OUT), nn.BatchNorm1d(OUT)
    )  # fmt: skip
    predictor = nn.Sequential(nn.Linear(OUT, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, OUT))
    return nn.ModuleDict({"head": nn.Linear(OUT, n_classes), "projector": projector, "predictor": predictor})


def loss(method, parts, encoded, labels):
    """The method's loss on encoded pairs of views, all first views before all second ones."""
    if method == "supervised":
        return F.cross_entropy(parts["head"](encoded), labels.repeat(2))
    z = parts["projector"](encoded)
    if method == "contrastive":
        return contrast(z)
    prediction = z if method == "no predictor" else parts["predictor"](z)
    return agree(prediction, z if method == "no stop-gradient" else z.detach())


class Record:
    """What is measured of an encoder again and again; the triangles and segments are those of every other run."""

    def __init__(self, encoder, data, quick):
        self.encoder, self.data, self.rows = encoder, data, []
        X, y = data[:2]
        draw = torch.Generator().manual_seed(0)
        some = torch.from_numpy(X[np.random.default_rng(0).choice(len(X), 6, replace=False)])
        around = torch.stack([some, views(some, draw), views(some, draw)], 1)
        size = {"n_polygons": 2, "n_segments": 4} if quick else {"n_polygons": 6, "n_segments": 16}
        self.between = RegionTracker(encoder, X, labels=y, mode="both", **size)
        self.around = RegionTracker(encoder, polygons=around[:2] if quick else around)

    def __call__(self, epoch, last=False):
        found = self.between.record(epoch=epoch)
        found["around"] = self.around.record()["n_regions"]
        X, y, X_test, y_test = self.data
        with torch.no_grad():
            Z, Z_test = (self.encoder(torch.from_numpy(x)).double().numpy() for x in (X, X_test))
        found["accuracy"] = linear_probe(Z, y, Z_test, y_test).accuracy
        if last:
            few = np.concatenate([np.flatnonzero(y == k)[:10] for k in np.unique(y)])
            found["few"] = linear_probe(Z[few], y[few], Z_test, y_test).accuracy
        found["rank"] = float(effective_rank(Z))
        self.rows.append(found)


def train(seed, data, epochs, quick):
    """One run of every method, side by side: what was measured after 0, 2, 4, 8, ... epochs."""
    X, y = (torch.from_numpy(a) for a in data[:2])
    # equal encoders at the start, equal views at every step; the sum of the losses trains each as if it were alone
    models = {method: (mlp((X.shape[1], *WIDTHS, OUT), seed), heads()) for method in METHODS}
    records = {method: Record(encoder, data, quick) for method, (encoder, _) in models.items()}
    weights = [p for model in models.values() for part in model for p in part.parameters()]
    optimizer = torch.optim.Adam(weights, lr=1e-3, foreach=True)
    draw = torch.Generator().manual_seed(seed)
    for epoch in range(epochs + 1):
        if epoch != 1 and epoch & (epoch - 1) == 0:
            for record in records.values():
                record(epoch, last=epoch in (0, epochs))
        for rows in torch.randperm(len(X), generator=draw).split(128)[: len(X) // 128]:
            both = torch.cat([views(X[rows], draw), views(X[rows], draw)])
            optimizer.zero_grad()
            sum(loss(method, parts, encoder(both), y[rows]) for method, (encoder, parts) in models.items()).backward()
            optimizer.step()
    return records


def column(runs, method, name):
    """A recorded quantity of a method's runs: array (seeds, records)."""
    return np.array([[row.get(name, np.nan) for row in run.rows] for run in runs[method]])


def at_equal_accuracy(runs, method, name):
    """Per seed: what a method ends with, over what the supervised run had when it first was as accurate (or ended)."""
    ratios = []
    for own, other in zip(runs[method], runs["supervised"], strict=True):
        last = own.rows[-1]
        match = next((row for row in other.rows if row["accuracy"] >= last["accuracy"]), other.rows[-1])
        ratios.append(last[name] / match[name])
    return np.array(ratios)


def growth(runs, method, name):
    """Per seed: what a method ends with, over what it started from."""
    values = column(runs, method, name)
    return values[:, -1] / values[:, 0]


def first_apart(runs, method, name):
    """First epoch from which on the runs of a broken method are all below all healthy distilled ones; inf if never."""
    below = column(runs, method, name).max(0) < column(runs, "distilled", name).min(0)
    stays = np.logical_and.accumulate(below[::-1])[::-1]
    return float(column(runs, method, "epoch")[0][stays][0]) if stays.any() else np.inf


def correlate(x, y, lost=0):
    """Pearson's and Spearman's coefficients, each with a 95% interval by Fisher's transform: (r, low, high) twice.

    ``lost`` counts the degrees of freedom that means took.
    """
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return [(np.nan,) * 3] * 2
    out = []
    for r, ranks in ((stats.pearsonr(x, y)[0], False), (stats.spearmanr(x, y)[0], True)):
        width = 1.96 * np.sqrt((1 + ranks * r**2 / 2) / max(len(x) - 3 - lost, 1))  # Bonett and Wright's for ranks
        out.append((r, *np.tanh(np.arctanh(np.clip(r, -0.999999, 0.999999)) + np.array([-width, width]))))
    return out


def monotone(x, y):
    """Spearman's coefficient; NaN when one of the two never changes."""
    return stats.spearmanr(x, y)[0] if np.ptp(x) and np.ptp(y) else np.nan


def span(values):
    """Mean and range over the seeds, as text."""
    return f"{np.mean(values):.2f} ({np.min(values):.2f} to {np.max(values):.2f})"


def table(runs):
    """What every method ends with, means over the seeds."""
    names = {
        "n_regions": ("regions", ".0f"), "mean_area": ("mean area", ".4f"), "eccentricity": ("eccentric", ".3f"),
        "perimeter": ("perimeter", ".3f"), "wall_length": ("walls", ".1f"), "line_regions": ("on lines", ".1f"),
        "around": ("around", ".0f"), "rank": ("rank", ".1f"), "accuracy": ("probe", ".3f"), "few": ("10/class", ".3f"),
    }  # fmt: skip
    print(f"{'':16s}" + "".join(f"{title:>10s}" for title, _ in names.values()))
    for method in ("untrained", *runs):
        values = [column(runs, *((METHODS[0], n) if method == "untrained" else (method, n))) for n in names]
        shown = [v[:, 0 if method == "untrained" else -1].mean() for v in values]
        print(f"{method:16s}" + "".join(f"{v:10{f}}" for v, (_, f) in zip(shown, names.values(), strict=True)))
    print(
        "regions: per triangle between classes; around: per triangle of a sample and two views; 10/class: probe on few\n"
    )


def final(runs, method, name):
    """A quantity at the end of a method's runs, one number per seed."""
    return column(runs, method, name)[:, -1]


def better_than_untrained(runs, *methods):
    """Premises: a probe makes fewer errors on trained encoders than on untrained ones: half of them, with labels."""
    for method in methods:
        before, after = (1 - column(runs, method, "accuracy").mean(0))[[0, -1]]
        most = before / 2 if method == "supervised" else before
        yield after < most, f"errors of a probe of {method} encoders {after:.3f}, {before:.3f} untrained"


def fewer_than_supervised(runs):
    """Self-supervised encoders need substantially fewer regions (at most 0.8 times) at comparable accuracy."""
    for method in HEALTHY[1:]:
        matched, around = (at_equal_accuracy(runs, method, name) for name in ("n_regions", "around"))
        ended = final(runs, method, "n_regions") / final(runs, "supervised", "n_regions")
        lead = final(runs, "supervised", "accuracy") - final(runs, method, "accuracy")
        yield (
            unanimous(0.8 - matched),
            f"{method} training needs far fewer regions than supervised training had at equal accuracy (times as many: "
            f"{span(matched)}, around samples {span(around)})",
            False,
        )
        yield (
            unanimous(0.8 - ended),
            f"{method} training ends with far fewer regions than supervised training of the same length (times as many: "
            f"{span(ended)}; it is less accurate by {span(lead)})",
            False,
        )


def expands_or_merges(runs):
    """Contrastive training multiplies regions over time; self-distillation merges them."""
    for method, sign, verb in (("contrastive", 1, "expands"), ("distilled", -1, "merges")):
        ratio, around = growth(runs, method, "n_regions"), growth(runs, method, "around")
        yield (
            unanimous(sign * np.log(ratio)),
            f"{method} training {verb} regions (end over start: {span(ratio)}, around samples {span(around)}; "
            f"supervised {span(growth(runs, 'supervised', 'n_regions'))})",
            False,
        )
    times = final(runs, "contrastive", "n_regions") / final(runs, "distilled", "n_regions")
    yield (
        unanimous(times - 1),
        f"contrastive training ends with more regions than self-distillation (times as many: {span(times)})",
        False,
    )


def collapse_is_seen_early(runs, method):
    """All runs of a broken self-distillation lie below all healthy ones in regions no later than in accuracy."""
    names = {"n_regions": "regions", "around": "around", "accuracy": "accuracy", "rank": "effective rank"}
    apart = {name: first_apart(runs, method, name) for name in names}
    times = final(runs, method, "n_regions") / final(runs, "distilled", "n_regions")
    end = column(runs, method, "epoch")[0, -1]
    yield (
        bool(np.isfinite(apart["n_regions"]) and apart["n_regions"] <= apart["accuracy"]),
        f"self-distillation with {method} falls behind in the regions as early as in the accuracy (all runs "
        "below all healthy ones from epoch "
        + ", ".join(f"{apart[name]:g} in {title}" for name, title in names.items())
        + f"; accuracy at the end {span(final(runs, method, 'accuracy'))})",
        False,
    )
    yield (
        bool(apart["n_regions"] <= end / 2 and (times < 0.5).all()),
        f"self-distillation with {method} ends with less than half the regions, and half of the training shows it "
        f"(times as many as the healthy: {span(times)})",
        method == "no stop-gradient",
    )


def goes_with_accuracy(runs):
    """Regions and probe accuracy at the end of the runs, and along each run."""
    for label, methods, centred in (
        ("of the {} healthy runs", HEALTHY, False),
        ("of the {} healthy runs, methods' means removed", HEALTHY, True),
        ("of all {} runs", METHODS, False),
    ):
        pairs = [[final(runs, m, name) for m in methods] for name in ("n_regions", "accuracy")]
        x, y = (np.concatenate([v - v.mean() if centred else v for v in values]) for values in pairs)
        pearson, spearman = correlate(x, y, len(methods) - 1 if centred else 0)
        yield (
            True if spearman[1] * spearman[2] > 0 else None,  # an interval that holds zero decides nothing
            "regions and accuracy {} are correlated (Pearson {:+.2f} [{:+.2f}, {:+.2f}], Spearman {:+.2f} [{:+.2f}, "
            "{:+.2f}], 95% intervals as if runs were independent)".format(label.format(len(x)), *pearson, *spearman),
            False,
        )

    def both(method):
        return (column(runs, method, name) for name in ("n_regions", "accuracy"))

    along = {method: [monotone(*pair) for pair in zip(*both(method), strict=True)] for method in METHODS}
    yield (
        all(np.ptp(np.sign(values)) == 0 for values in along.values()) and len({np.sign(v[0]) for v in along.values()}) == 1,
        "regions and accuracy go together along the training of every run (Spearman "
        + "; ".join(f"{method} {span(values)}" for method, values in along.items()) + ")",
        False,
    )  # fmt: skip


def draw_training(runs, path):
    """Complexity over training by method, mean and range over the seeds; and regions against accuracy at the end."""
    from matplotlib.figure import Figure

    panels = {
        "n_regions": "regions between classes", "around": "regions around samples", "line_regions": "regions per segment",
        "mean_area": "mean area of a region", "eccentricity": "mean eccentricity", "wall_length": "length of walls",
        "accuracy": "probe accuracy",
    }  # fmt: skip
    figure = Figure(figsize=(13.5, 6.2), layout="constrained")
    axes = figure.subplots(2, 4).ravel()
    for ax, (name, title) in zip(axes, panels.items(), strict=False):
        for method in METHODS:
            values, epochs = column(runs, method, name), column(runs, method, "epoch")[0]
            ax.plot(epochs, values.mean(0), color=COLORS[method], marker="o", ms=3, label=method)
            ax.fill_between(epochs, values.min(0), values.max(0), color=COLORS[method], alpha=0.12, lw=0)
        ax.set_xscale("symlog", base=2, linthresh=2)
        ax.set_xticks(epochs, [f"{e:g}" for e in epochs])
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("epoch")
        if name == "mean_area":
            ax.set_yscale("log")
    for method in METHODS:
        axes[-1].scatter(*(final(runs, method, n) for n in ("n_regions", "accuracy")), color=COLORS[method], s=22)
    axes[-1].set_title("every run at the end", fontsize=10)
    axes[-1].set_xlabel("regions between classes")
    axes[-1].set_ylabel("probe accuracy")
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(METHODS), frameon=False)
    figure.savefig(path, dpi=110)


def draw_slices(runs, path):
    """One triangle between three samples, cut by the encoders that started alike."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(METHODS), 2.5), layout="constrained")
    for ax, method in zip(figure.subplots(1, len(METHODS)), METHODS, strict=True):
        run = runs[method][0]
        found = slice_regions(run.encoder, run.between.polygons[0])
        found.plot(ax, boundary=False, walls=False)
        ax.set_title(f"{method}: {found.n_regions} regions", fontsize=10)
    figure.savefig(path, dpi=110)


def conclusions(runs):
    """The claims, each where its premise is met."""
    compared = list(better_than_untrained(runs, *HEALTHY))
    claims = given(compared, [*fewer_than_supervised(runs), *expands_or_merges(runs)])
    healthy = final(runs, "distilled", "accuracy")
    for method in BROKEN:
        broken = final(runs, method, "accuracy")
        text = f"probe of {method} up to {broken.max():.3f}, of healthy self-distillation from {healthy.min():.3f}"
        claims += given([(broken.max() < healthy.min(), text)], collapse_is_seen_early(runs, method))
    return claims + given(compared, goes_with_accuracy(runs))


def main():
    chosen = options(__doc__)
    X, y, X_test, y_test = load(chosen.mnist)
    data = (X[:6000].astype(np.float32), y[:6000], X_test.astype(np.float32), y_test)
    seeds, epochs = ((0, 1), 2) if chosen.quick else ((0, 1, 2, 3), EPOCHS)
    runs = {method: [] for method in METHODS}
    for seed in seeds:
        for method, record in train(seed, data, epochs, chosen.quick).items():
            runs[method].append(record)
    table(runs)
    if chosen.plot:
        chosen.plot.mkdir(parents=True, exist_ok=True)
        draw_training(runs, chosen.plot / "regions_over_training.png")
        draw_slices(runs, chosen.plot / "regions_by_method.png")
    conclude(conclusions(runs), chosen.quick)


if __name__ == "__main__":
    main()
