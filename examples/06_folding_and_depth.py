"""Does space folding grow with depth when the number of neurons stays the same?

Claims of "On Space Folds of ReLU Neural Networks" (TMLR 2025, sections 6, 7, appendices B-D), made there on MNIST and
tested here on 8x8 digits: 60 hidden neurons in 1, 2, ..., 10 layers, three seeds, folding chi between test images of
all pairs of digits. Each network is measured early in its training, at a low accuracy, and at its end.

1. One hidden layer never folds (a theorem).
2. Among networks of high validation accuracy the median of the maxima of non-zero chi grows with depth.
3. Networks of low accuracy fold much less, and among them the median falls with depth.
4. Replacing the images of a class by five k-means centroids changes the median little.
5. In larger networks the medians are similar, but many more paths are folded.

What "high" (an accuracy of 90 %), "much less", "little" and "similar" (25 %) mean was fixed before those figures were seen. A
maximum over more targets is larger, so comparisons use the same number of images, or centroids, per class.
"""

import numpy as np
from digits_nets import LEVEL, accuracy, conclude, fit, given, load, mlp, options, told
from scipy.stats import pearsonr

import relucvx as rx

args = options(__doc__)
STRICT = not (args.quick or args.mnist)  # the findings asserted below were measured on the 8x8 digits
DEPTHS = (2, 4, 10) if args.quick else (2, 3, 4, 5, 6, 10)
SEEDS = range(1 if args.quick else 3)
EPOCHS, EARLY, RATE = (6, 2, 1e-2) if args.quick else (30, 1, 1e-3) if args.mnist else (50, 5, 1e-2)
HIGH, LITTLE = 0.9, 0.25
IMAGES, CENTROIDS = 8, 5
"""Of each digit."""
LARGE = (4,) if args.quick else (4, 6)
"""Depths that are also trained with 60 neurons in each layer."""

X, y, X_test, y_test = load(args.mnist)
SHOWN = X_test[:1000], y_test[:1000]


def measure(net, targets, centroids=False):
    """Folding between all pairs of digits: so many images, or centroids, of each."""
    how = {"n_pairs": None, "centroids": targets} if centroids else {"n_pairs": targets**2}
    return rx.metrics.class_folding(net, *SHOWN, rng=0, **how)


def train(depth, width, seed, callback=None):
    """The trained network."""
    net = mlp([X.shape[1], *[width] * depth, 10], seed)
    return fit(net, X, y, EPOCHS, seed, lr=RATE, callback=lambda epoch: callback and callback(net, epoch + 1))


def follow(depth, seed):
    """The trained network of 60 neurons; accuracy, median of maxima and share of folded paths, early and at the end."""
    stages = []

    def callback(net, epoch):
        if epoch in (EARLY, EPOCHS):
            found = measure(net, IMAGES)
            stages.append((accuracy(net, X_test, y_test), found.overall.median, found.overall.folded))
            if args.plot and epoch == EPOCHS and seed == 0 and depth > 1:
                draw_pairs(found, depth, stages[-1][0])

    return train(depth, 60 // depth, seed, callback), np.array(stages)


def draw_pairs(found, depth, share):
    """Heatmap over pairs of digits."""
    args.plot.mkdir(parents=True, exist_ok=True)
    axes = found.plot()
    axes.set_title(f"{depth} layers of {60 // depth}, accuracy {100 * share:.0f}%")
    axes.figure.savefig(args.plot / f"06_digit_pairs_{depth:02d}.png", dpi=110)


def draw_depths(table):
    """Median and share of folded paths over depth, networks shaded by accuracy."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    for axes, column, name in zip(
        figure.subplots(1, 2), (2, 3), ("median of maxima of $\\chi$", "share folded"), strict=True
    ):
        for k, marker, label in ((0, "v", f"epoch {EARLY}"), (1, "o", f"epoch {EPOCHS}")):
            x = table[:, 0, 0] + (0.15 if k else -0.15)
            dots = axes.scatter(x, table[:, k, column], c=table[:, k, 1], marker=marker, vmin=0, vmax=1, label=label)
        axes.set(xlabel="hidden layers (60 neurons in all)", ylabel=name, ylim=(0, None))
    figure.axes[0].legend(loc="upper left", frameon=False)
    figure.colorbar(dots, ax=axes, label="validation accuracy")
    figure.savefig(args.plot / "06_depth.png", dpi=110)


def pearson(a, b):
    """Whether two quantities rise together (None where an interval by Fisher's transform holds zero), and the figures.

    The interval is that of one of two claims which hold together at 95 %.
    """
    keep = np.isfinite(a) & np.isfinite(b)
    if keep.sum() < 4 or np.ptp(a[keep]) == 0 or np.ptp(b[keep]) == 0:
        return None, f"r undefined for {keep.sum()} networks"
    found = pearsonr(a[keep], b[keep])
    low, high = found.confidence_interval(1 - LEVEL / 2)
    return told(low, high), f"r = {found.statistic:+.2f} [{low:+.2f}, {high:+.2f}] over {keep.sum()} networks"


def mean(values):
    """Mean of the defined values."""
    return np.nanmean(values, axis=0) if np.isfinite(values).any() else np.nan


print(f"{EPOCHS} epochs of Adam, seeds 0 to {SEEDS[-1]}; means, after epoch {EARLY} | {EPOCHS}\n")
print("layers x width   accuracy        median of maxima   share of folded paths")
nets = {(depth, seed): follow(depth, seed) for depth in DEPTHS for seed in SEEDS}
_, flat = follow(1, 0)
results = {1: flat[None]} | {depth: np.stack([nets[depth, seed][1] for seed in SEEDS]) for depth in DEPTHS}
for depth, found in results.items():
    cells = [f"{mean(found[:, 0, k]):6.3f} | {mean(found[:, 1, k]):<6.3f}" for k in range(3)]
    print(f"{depth:6d} x {60 // depth:<5d}   " + "   ".join(cells))

# rows: networks; then early or end; then depth, accuracy, median, share folded
table = np.array([np.column_stack([[depth] * 2, nets[depth, seed][1]]) for depth, seed in nets])
early, end = table[:, 0], table[:, 1]
if args.plot:
    draw_depths(table)

print("\ndepth and median at the end, seed by seed")
for seed in SEEDS:
    mine = end[[s == seed for _, s in nets]]
    print(f"  seed {seed}: {pearson(mine[:, 0], mine[:, 2])[1]}, lowest accuracy {mine[:, 1].min():.2f}")

claims = [((flat[:, 2] == 0).all() and np.isnan(flat[:, 1]).all(), "one hidden layer never folds", True)]

well, poor = end[end[:, 1] >= HIGH], early[early[:, 1] < HIGH]
grows, text = pearson(well[:, 0], well[:, 2])
claims.append((grows, f"at accuracy >= {HIGH:.0%} the median grows with depth: {text}", True))
grows, text = pearson(poor[:, 0], poor[:, 2])
claims.append(
    (
        None if grows is None else not grows,
        f"at accuracy < {HIGH:.0%} (early) the median falls with depth: {text}",
        False,
    )
)

trained_well = np.median(end[:, 1]) >= HIGH, f"accuracy {np.median(end[:, 1]):.2f} in the median, {HIGH} needed"
trained_badly = np.median(early[:, 1]) < HIGH, f"early accuracy {np.median(early[:, 1]):.2f}, below {HIGH} needed"
before, after = np.nan_to_num(early[:, 2:]), np.nan_to_num(end[:, 2:])
for k, (name, asserted) in enumerate((("median", False), ("share of folded paths", True))):
    ratio, lower = before[:, k].mean() / after[:, k].mean(), (before[:, k] < after[:, k]).sum()
    text = f"{ratio:.2f} of that at the end, lower in {lower} of {len(early)} networks"
    claim = (ratio < 1 - LITTLE, f"badly trained (early) networks fold much less: {name} {text}", asserted)
    claims += given((trained_well, trained_badly), [claim])

fives = {key: measure(net, CENTROIDS).overall for key, (net, _) in nets.items()}
centres = {key: measure(net, CENTROIDS, centroids=True).overall for key, (net, _) in nets.items()}
ratios = np.array([centres[key].median / fives[key].median for key in nets])
ratios = ratios[np.isfinite(ratios)]
text = f"over that of images {np.median(ratios):.2f} in the median, {ratios.min():.2f} to {ratios.max():.2f}"
claim = (abs(np.median(ratios) - 1) < LITTLE, f"centroids change the median little: {text}", True)
claims += given([trained_well], [claim])

large = {(depth, seed): train(depth, 60, seed) for depth in LARGE for seed in SEEDS}
found = {key: measure(net, CENTROIDS).overall for key, net in large.items()}
right = np.median([accuracy(net, X_test, y_test) for net in large.values()])
learnt = right >= HIGH, f"accuracy of larger networks {right:.2f} in the median, {HIGH} needed"
growth = np.array([[found[key].median / fives[key].median, fives[key].folded, found[key].folded] for key in large])
low, middle, high = growth[:, 0].min(), growth[:, 0].mean(), growth[:, 0].max()
text = f"over that of small ones {middle:.2f} on average, {low:.2f} to {high:.2f}"
similar = (abs(middle - 1) < LITTLE, f"the median of larger networks is similar: {text}", False)
small, big, more = growth[:, 1].mean(), growth[:, 2].mean(), (growth[:, 2] > growth[:, 1]).sum()
text = f"share {small:.2f} to {big:.2f}, up in {more} of {len(large)}"
more = (big > (1 + LITTLE) * small, f"larger networks fold many more paths: {text}", True)
claims += given((trained_well, learnt), [similar, more])

conclude(claims, quick=not STRICT)
