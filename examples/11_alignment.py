"""Alignment of representations across seeds, widths and depths: are better networks more alike?

Claim tested ("Platonic representation hypothesis", lecture "Representation geometry in task-optimized network models",
after Huh et al. 2024): networks of different architectures converge to similar representations if they perform well, so
the better a network, the more its representation agrees with those of other networks.

Protocol: plain ReLU networks of seven widths, three depths and three seeds, same Adam, same digits. Agreement of the
last hidden layers on held-out images, by linear CKA (debiased), mutual nearest neighbours (k = 10) and Procrustes
similarity, averaged over all other networks. Spearman's rank correlation of a network's mean agreement with its
accuracy; intervals from drawing architectures anew. Width and depth change accuracy and agreement both, so also: the
correlation after removing what ranks of width and depth explain; and the same correlation with the agreement before any
training, which cannot owe anything to what was learnt. All but the claim made of this last control was fixed before the
first run. Widths 12, 24 and 48 were added when intervals came to be corrected for the number of claims.
"""

import numpy as np
from digits_nets import accuracy, conclude, fit, given, interval, learnt, load, mlp, options, told

import relucvx as rx

WIDTHS = 8, 12, 16, 24, 32, 48, 64
DEPTHS = 1, 2, 4
METRICS = "cka", "mutual_knn", "procrustes"
OPTIONS = {"cka": {"debiased": True}}  # one form before and after training, for all widths


def last_hidden(net, X):
    return list(rx.metrics.layer_activations(net, X).values())[-1]


def ranks(values):
    """Ranks, ties sharing their mean."""
    from scipy.stats import rankdata

    return rankdata(values)


def spearman(a, b, given=None):
    """Rank correlation, of what the ranks of the given variables leave unexplained where there are any."""
    a, b = ranks(a), ranks(b)
    if given is not None:
        basis = np.column_stack([np.ones(len(a)), *map(ranks, given.T)])
        a, b = (v - basis @ np.linalg.lstsq(basis, v, rcond=None)[0] for v in (a, b))
    return np.corrcoef(a, b)[0, 1]


def resampled(agreement, untrained, accuracies, shapes, n_seeds, n):
    """Raw and partial correlations, and what the raw one gained in training, with architectures drawn anew: (3, n)."""
    rng = np.random.default_rng(0)
    n_shapes = len(accuracies) // n_seeds
    found = []
    for _ in range(n):
        rows = (rng.integers(n_shapes, size=(n_shapes, 1)) * n_seeds + np.arange(n_seeds)).ravel()
        raw, partial = (spearman(agreement[rows], accuracies[rows], given) for given in (None, shapes[rows]))
        found.append([raw, partial, raw - spearman(untrained[rows], accuracies[rows])])
    return np.array(found).T


def mean_agreement(similarity):
    """Average over all other networks."""
    off = ~np.eye(len(similarity), dtype=bool)
    return (similarity * off).sum(1) / off.sum(1)


def thirds(similarity, accuracies):
    """Mean agreement among the worst and among the best third of the networks."""
    order, third = np.argsort(accuracies), len(accuracies) // 3
    return [mean_agreement(similarity[np.ix_(rows, rows)]).mean() for rows in (order[:third], order[-third:])]


def compared(layers):
    """Matrix of similarities between all networks, per metric."""
    return {
        metric: rx.metrics.layer_similarity(layers, metric=metric, **OPTIONS.get(metric, {})).matrix
        for metric in METRICS
    }


def show(shapes, accuracies, after, n_seeds):
    """Accuracy and agreement, architecture by architecture: with other seeds, and with all other networks."""
    print("Mean agreement of the last hidden layer with the same architecture (other seeds), and with all networks\n")
    print("depth width  accuracy" + "".join(f"{metric:>20s}" for metric in METRICS))
    for start in range(0, len(shapes), n_seeds):
        own = slice(start, start + n_seeds)
        width, depth = shapes[start]
        cells = [(mean_agreement(s[own, own]).mean(), mean_agreement(s)[own].mean()) for s in after.values()]
        row = "".join(f"{same:12.3f} {every:7.3f}" for same, every in cells)
        print(f"{depth:5d} {width:5d}  {accuracies[own].mean():8.3f}{row}")


def shown(ends):
    return "[{:+.2f}, {:+.2f}]".format(*ends)


CLAIMS = (
    ("better networks agree more with the others, rho =", True),
    ("so they do given the ranks of width and depth, rho =", False),
    ("more so than before any training, rho larger by", False),
)


def conclusions(shapes, accuracies, before, after, n_seeds, n):
    """Table of correlations, and the claims, from similarity matrices per metric before and after training."""
    print("\nSpearman correlation of accuracy with agreement (95% interval)\n")
    print(f"{'':12s}{'all':>24s}{'given width and depth':>24s}{'before training':>18s}{'given':>8s}")
    claims, number = [], len(METRICS) * len(CLAIMS)
    for metric in METRICS:
        agreement, untrained = mean_agreement(after[metric]), mean_agreement(before[metric])
        raw, partial = (spearman(agreement, accuracies, given) for given in (None, shapes))
        controls = [spearman(untrained, accuracies, given) for given in (None, shapes)]
        spread = resampled(agreement, untrained, accuracies, shapes, n_seeds, n)
        values = raw, partial, raw - controls[0]
        cells = [f"{r:+.2f} {shown(interval(s))}" for r, s in zip(values, spread, strict=True)]
        print(f"{metric:12s}{cells[0]:>24s}{cells[1]:>24s}{controls[0]:+18.2f}{controls[1]:+8.2f}")
        for value, draws, (text, asserted) in zip(values, spread, CLAIMS, strict=True):
            ends = interval(draws, number)
            claims.append((told(*ends), f"{metric}: {text} {value:+.2f} {shown(ends)}, as one of {number}", asserted))
        worst, best = thirds(after[metric], accuracies)
        text = (
            f"{metric}: the best third agree more with one another than the worst third, {best:.3f} against {worst:.3f}"
        )
        claims.append((best > worst + 0.02, text, True))
        change = after[metric][np.triu_indices(len(shapes), 1)] - before[metric][np.triu_indices(len(shapes), 1)]
        text = f"{metric}: networks agree more after training than before, by {change.mean():+.3f} on average"
        claims.append((change.mean() > 0, text, True))
    several = np.ptp(accuracies) > 0, f"all networks have accuracy {accuracies[0]:.3f}"
    return given([learnt(accuracies, 0.1), several], claims)


def plot(folder, shapes, accuracies, after):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(METRICS), figsize=(12, 4), layout="constrained", sharex=True)
    for panel, (metric, similarity) in zip(panels, after.items(), strict=True):
        agreement = mean_agreement(similarity)
        for marker, depth in zip("osD", DEPTHS, strict=True):
            for color, width in enumerate(WIDTHS):
                rows = (shapes == (width, depth)).all(1)
                label = f"{depth} x {width}" if panel is panels[-1] else None
                panel.plot(accuracies[rows], agreement[rows], marker, color=f"C{color}", ms=5, alpha=0.8, label=label)
        panel.set(title=metric, xlabel="accuracy")
    panels[0].set_ylabel("mean agreement with all other networks")
    figure.legend(loc="outside right center", title="depth x width", fontsize=8)
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "11_alignment.png", dpi=120)


def main():
    args = options(__doc__)
    n_seeds, epochs, n_images = (2, 2, 60) if args.quick else (3, 40, 200)
    X, y, X_test, y_test = (part[:2000] for part in load(args.mnist))
    shapes, accuracies, layers = [], [], {"before": [], "after": []}
    for depth in DEPTHS:
        for width in WIDTHS:
            for seed in range(n_seeds):
                net = mlp([X.shape[1], *[width] * depth, 10], seed)
                layers["before"].append(last_hidden(net, X_test[:n_images]))
                fit(net, X, y, epochs, seed=seed, batch=128)
                layers["after"].append(last_hidden(net, X_test[:n_images]))
                shapes.append((width, depth))
                accuracies.append(accuracy(net, X_test, y_test))
    shapes, accuracies = np.array(shapes), np.array(accuracies)
    before, after = compared(layers["before"]), compared(layers["after"])
    show(shapes, accuracies, after, n_seeds)
    claims = conclusions(shapes, accuracies, before, after, n_seeds, 50 if args.quick else 4000)
    if args.plot:
        plot(args.plot, shapes, accuracies, after)
    conclude(claims, args.quick)


if __name__ == "__main__":
    main()
