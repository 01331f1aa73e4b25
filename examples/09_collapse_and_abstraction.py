"""Collapse and abstraction over training: the hidden layer takes the geometry of the labels.

Claims tested (lecture "Representation geometry in task-optimized network models" and "A mathematical theory for
understanding when abstract representations emerge in neural networks", Wang, Fusi and Johnston 2025):

1. one-hot labels: while training goes on after the last error, classes shrink to their means (NC1), the means become a
   simplex of equal angles (NC2), the head aligns with them (NC3) and decides as the nearest mean (NC4);
2. binary labels: the last hidden layer becomes abstract: a variable is coded in the same direction whatever the other
   is (parallelism), so that it can be read in a context never trained on (CCGP);
3. in both, the kernel of the last hidden layer becomes proportional to the kernel of the labels.

Protocol: digits, three hidden layers of 128, Adam with weight decay 1e-4. The papers' objective, squared loss, on one-hot
classes or on the two variables "odd" and "above 4" (as +-1); and the cross-entropy of the classes, for comparison.
Collapse and the kernel on the training images, as in the papers; parallelism and CCGP on held-out images. The network of
ten classes is the control for abstraction: with collapsed classes the two variables are coded in orthogonal directions
in different contexts, and it must score about 0 and at chance.

The first run had cross-entropy only (and two layers, decay 5e-4): no collapse within 150 epochs, nor within 600. Squared
loss and its decay, one of two tried, came after that; the abstraction held in both.
"""

import numpy as np
import torch
from digits_nets import conclude, fit, given, learnt, load, mlp, options, unanimous
from torch import nn

import relucvx as rx

EPOCHS = 0, 1, 2, 4, 8, 16, 32, 64, 100, 150, 200
TASKS = "classes, squared loss", "classes, cross-entropy", "variables, squared loss"
COLLAPSE = "nc1", "nc2_equinorm", "nc2_cosine", "nc2_etf", "nc3"
COLUMNS = "error", *COLLAPSE, "nc4", "parallelism", "ccgp", "kernel"


def binary(y):
    """The two variables: odd, above 4, as +-1."""
    return np.column_stack([y % 2 * 2 - 1, np.where(y > 4, 1, -1)]).astype(float)


def is_variables(task):
    return task.startswith("variables")


def measured(net, task, X, y, X_test, y_test):
    """All numbers of one moment of training, in the order of COLUMNS."""
    Z, Z_test = (list(rx.metrics.layer_activations(net, part).values())[-1] for part in (X, X_test))
    W, b = (p.detach().numpy() for p in net[-1].parameters())
    scores = Z @ W.T + b
    factors = binary(y_test)
    abstract = rx.metrics.parallelism_score(Z_test, factors).mean, rx.metrics.ccgp(Z_test, factors).mean
    if is_variables(task):
        targets = binary(y)
        error = np.mean((scores > 0) != (targets > 0))
        numbers = [np.nan] * (len(COLLAPSE) + 1)
    else:
        targets = np.eye(10)[y]
        error = np.mean(scores.argmax(1) != y)
        collapse = rx.metrics.neural_collapse(Z, y, W.T, b)
        numbers = [getattr(collapse, name) for name in (*COLLAPSE, "nc4")]
    return [error, *numbers, *abstract, rx.metrics.cka(Z, targets, debiased=True)]


def recorded(task, data, epochs, seed):
    """Array (moments, COLUMNS) over one training."""
    X, y, *_ = data
    net = mlp([X.shape[1], 128, 128, 128, 2 if is_variables(task) else 10], seed)
    rows = [measured(net, task, *data)]

    def record(epoch):
        if epoch + 1 in epochs:
            rows.append(measured(net, task, *data))

    squared = binary(y) if is_variables(task) else np.eye(10)[y]
    labels, loss = (squared, nn.functional.mse_loss) if "squared" in task else (y, nn.functional.cross_entropy)
    fit(net, X, labels, epochs[-1], seed=seed, batch=128, weight_decay=1e-4, loss=loss, callback=record)
    return np.array(rows)


def show(task, rows, epochs):
    """Mean over seeds, moment by moment."""
    names = [n for n in COLUMNS if not is_variables(task) or n not in (*COLLAPSE, "nc4")]
    print(f"\nTrained on {task}, mean of {len(rows)} seeds\n\nepoch" + "".join(f"{n:>13s}" for n in names))
    for epoch, row in zip(epochs, rows.mean(0), strict=True):
        print(f"{epoch:5d}" + "".join(f"{row[COLUMNS.index(n)]:13.4f}" for n in names))


def at(rows, name, moment):
    return rows[:, moment, COLUMNS.index(name)]


def listed(values):
    return " ".join(f"{v:.3f}" for v in values)


def collapse_claims(task, rows):
    """Claim 1 on an array (seeds, moments, COLUMNS): a tenth less, and more, since the first moment without an error."""
    errors = at(rows, "error", slice(None))
    start = [int(np.argmax(row == 0)) if (row == 0).any() else len(row) - 1 for row in errors]
    claims = []
    for name in COLLAPSE:
        first = np.array([row[moment, COLUMNS.index(name)] for row, moment in zip(rows, start, strict=True)])
        last = at(rows, name, -1)
        text = f"{task}: {name} falls after the last training error, {listed(first)} -> {listed(last)}"
        claims.append((unanimous(0.9 * first - last), text, name in ASSERTED[task]))
    last = at(rows, "nc4", -1)
    text = f"{task}: the head decides as the nearest mean in 99 of 100 images (nc4), {listed(last)}"
    claims.append((unanimous(last - 0.99), text, "nc4" in ASSERTED[task]))
    premise = (
        all(moment < errors.shape[1] - 1 for moment in start),
        f"training errors at the end {listed(errors[:, -1])}",
    )
    return given([premise], claims)


ASSERTED = {TASKS[0]: ("nc1", "nc2_cosine", "nc2_etf", "nc3", "nc4"), TASKS[1]: ()}


def conclusions(found):
    """Claims on arrays (seeds, moments, COLUMNS) per task."""
    claims = [claim for task in TASKS[:2] for claim in collapse_claims(task, found[task])]
    classes, variables = found[TASKS[0]], found[TASKS[2]]
    for name in ("parallelism", "ccgp"):
        first, last, control = at(variables, name, 0), at(variables, name, -1), at(classes, name, -1)
        text = f"{name} grows with training on the two variables: {listed(first)} -> {listed(last)}"
        learning = learnt(1 - at(variables, "error", -1), 0.5)
        claims += given([learning], [(unanimous(last - first - 0.2), text, True)])
        text = f"{name} is larger than after training on the ten classes: {listed(last)} against {listed(control)}"
        learning = learning, learnt(1 - at(classes, "error", -1), 0.1)
        claims += given(learning, [(unanimous(last - control - 0.2), text, True)])
    for task, rows in found.items():
        first, last = at(rows, "kernel", 0), at(rows, "kernel", -1)
        text = f"{task}: the kernel becomes that of the labels, CKA {listed(first)} -> {listed(last)}"
        error = at(rows, "error", -1).mean()
        fitted = error <= 0.02, f"training error {error:.3f}, at most 0.02 needed"
        claims += given([fitted], [(unanimous(last - 0.9), text, "squared" in task)])
    return claims


def plot(folder, found, epochs):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    for color, name in enumerate(("error", *COLLAPSE)):
        for s, rows in enumerate(found[TASKS[0]]):
            values = np.where(rows[:, COLUMNS.index(name)] > 0, rows[:, COLUMNS.index(name)], np.nan)
            left.plot(epochs, values, ".-", color=f"C{color}", lw=1, label=None if s else name)
    left.set(yscale="log", title=f"{TASKS[0]} (a line per seed)")
    for color, task in enumerate(found):
        for s, rows in enumerate(found[task]):
            for style, name in (("-", "parallelism"), ("--", "ccgp")):
                label = name if s == 0 and task == TASKS[2] else None
                middle.plot(epochs, rows[:, COLUMNS.index(name)], style, color=f"C{color}", lw=1, label=label)
            right.plot(epochs, rows[:, -1], color=f"C{color}", lw=1, label=None if s else task)
    middle.set(title="two variables, held-out images")
    right.set(title="CKA of last hidden layer and labels", ylim=(None, 1))
    for axes in (left, middle, right):
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xticks([e for e in epochs if e in (0, 1, 4, 16, 64, 200)])
        axes.xaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.set(xlabel="epoch", xlim=(-0.2, 1.2 * epochs[-1]))
    left.legend(fontsize=8, loc="lower left")
    middle.legend(fontsize=8, loc=(0.68, 0.64), title="colours: right panel", title_fontsize=8)
    right.legend(fontsize=8, loc="upper left")
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "09_collapse_and_abstraction.png", dpi=120)


def main():
    args = options(__doc__)
    torch.set_flush_denormal(True)  # weights decay to tiny numbers, on which a processor is slow
    seeds, epochs = (range(1), EPOCHS[:4]) if args.quick else (range(3), EPOCHS)
    data = tuple(part[:2000] for part in load(args.mnist))
    found = {}
    for task in TASKS:
        found[task] = np.array([recorded(task, data, epochs, seed) for seed in seeds])
        show(task, found[task], epochs)
    if args.plot:
        plot(args.plot, found, epochs)
    conclude(conclusions(found), args.quick)


if __name__ == "__main__":
    main()
