"""Convexity of classes: by depth and training, as a forecast of fine-tuning, and as a place to cut.

Claims tested ("On convex decision regions in deep network representations", Tetkova et al. 2025):

1. classes are convex above chance even in early layers of a pretrained network;
2. convexity grows with depth, and with training and fine-tuning;
3. the more convex a class in the pretrained network, the better it is recognised after fine-tuning (correlations of
   about 0.52 in the paper), and convexity tells more than intrinsic dimension does;
4. cutting the pretrained network where convexity peaks, before fine-tuning, loses no accuracy.

Protocol: half of the digits for training, half for measuring. Pretraining without class labels, on one of two tasks:
"masks", to paint images in of which half the pixels are blanked, and "turns", to tell which of four quarter turns an
image has undergone. Fine-tuning: new linear head, all weights, on 10 labelled images per class (claims 3 and 4) or on the
whole half (claim 2, after masks). Graph convexity is that of the data labels. Euclidean convexity is that of the regions
that the rest of the network assigns to a class, exact along segments between images of the class; networks without
outputs for the classes get a linear head fitted to the training half; as a forecast, to the labelled images only. Two
controls: a forecast by the pixels, without any network, and by the recall of that linear head itself.

The first run had turns only, in six layers, of which the last held little of the digits. Four layers, masks and longer
fine-tuning came after it, before any correlation was seen; the controls after that.
"""

import copy

import numpy as np
import torch
from digits_nets import accuracy, conclude, fit, given, interval, learnt, load, mlp, options, told, unanimous
from torch import nn

import relucvx as rx

DEPTH, WIDTH = 4, 128
SHOTS = 10
TASKS = "masks", "turns"
STAGES = "untrained", "trained", "pretrained", "fine-tuned"


def exercises(task, X, seed):
    """Four versions of each image, and what is asked of them: to paint in what is blanked, or to tell the turn."""
    if task == "masks":
        blanked = np.random.default_rng(seed).random((4, *X.shape)) < 0.5
        return np.where(blanked, 0, X).reshape(-1, X.shape[1]), np.tile(X, (4, 1))
    side = round(X.shape[1] ** 0.5)
    images = X.reshape(-1, side, side)
    turned = [np.rot90(images, k, axes=(1, 2)).reshape(X.shape) for k in range(4)]
    return np.concatenate(turned), np.repeat(np.arange(4), len(X))


def pretrain(task, X, epochs, seed):
    """A network whose hidden layers have seen the images, four versions of each, but no label."""
    inputs, targets = exercises(task, X, seed)
    loss = nn.functional.mse_loss if task == "masks" else nn.functional.cross_entropy
    net = network(X, X.shape[1] if task == "masks" else 4, seed)
    return fit(net, inputs, targets, epochs, seed=seed, batch=128, loss=loss)


def passed(task, net, X):
    """Share of the pixels' variance that is painted in, or of the turns that are told, on images not trained on."""
    inputs, targets = exercises(task, X, seed=0)
    if task == "turns":
        return accuracy(net, inputs, targets)
    with torch.no_grad():
        painted = net(torch.as_tensor(inputs, dtype=torch.float32)).double().numpy()
    return 1 - ((painted - targets) ** 2).sum() / ((targets - targets.mean(0)) ** 2).sum()


def pretrained(task, shares):
    """Premise of a claim about pretrained networks: a quarter of the variance, or half-way from guessing turns."""
    if task == "turns":
        met, text = learnt(shares, 0.25)
        return met, f"turns told: {text}"
    return np.mean(shares) >= 0.25, f"share of the variance painted in {np.mean(shares):.2f}, at least 0.25 needed"


def network(X, outputs, seed):
    """Untrained; the hidden layers of a seed are the same for any number of outputs."""
    return mlp([X.shape[1], *[WIDTH] * DEPTH, outputs], seed)


def linear_head(Z, y):
    """Logistic regression on the features, with their scaling folded into the weights."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = Z.mean(0), Z.std(0)
    scale[scale == 0] = 1
    model = LogisticRegression(max_iter=5000).fit((Z - mean) / scale, y)
    head = nn.Linear(Z.shape[1], len(model.classes_))
    weights = model.coef_ / scale
    with torch.no_grad():
        head.weight.copy_(torch.tensor(weights))
        head.bias.copy_(torch.tensor(model.intercept_ - weights @ mean))
    return head


def behind(net, depth, head):
    """The first ``depth`` hidden layers, copied, and a head."""
    return nn.Sequential(*copy.deepcopy(net[: 2 * depth]), head).eval()


def fine_tuned(net, depth, X, y, epochs, seed):
    """Cut behind ``depth`` hidden layers, add a new head and train everything."""
    torch.manual_seed(seed)
    return fit(behind(net, depth, nn.Linear(WIDTH, 10)), X, y, epochs, seed=seed, batch=128)


def hidden(net, X):
    return list(rx.metrics.layer_activations(net, X).values())


def by_depth(classifier, X, y, n_pairs):
    """Graph and Euclidean convexity of the input and of every hidden layer: array (2, layers)."""
    found = []
    for depth, Z in enumerate([X, *hidden(classifier, X)]):
        graph = rx.metrics.graph_convexity(Z, y, n_pairs=n_pairs, rng=0)
        rest = classifier[2 * depth :]
        euclidean = rx.metrics.euclidean_convexity(Z, y, rest, n_pairs=n_pairs // 10, method="exact", rng=0)
        found.append((graph.overall, euclidean.overall))
    return np.array(found).T


def forecasts(net, X, y, few, pixels):
    """Class by class, what might foretell the recall: from the last hidden layer of the pretrained network."""
    Z = hidden(net, X)[-1]
    head = nn.Sequential(linear_head(Z[few], y[few]))
    euclidean = rx.metrics.euclidean_convexity(Z, y, head, n_pairs=500, method="exact", rng=0)
    parts = [Z[y == c] for c in range(10)]
    return {
        "graph convexity": by_class(rx.metrics.graph_convexity(Z, y, n_pairs=1000, rng=0)),
        "Euclidean convexity": by_class(euclidean),
        "dimension (TwoNN)": [rx.metrics.two_nn(part).dimension for part in parts],
        "participation ratio": [rx.metrics.participation_ratio(part) for part in parts],
        "control: pixels, graph": by_class(pixels),
        "control: recall of a head": recalls(head, Z, y),
    }


def by_class(convexity):
    return [convexity.per_class[c] for c in range(10)]


def recalls(net, X, y):
    """Share of the images of each class that the network labels rightly."""
    return [accuracy(net, X[y == c], y[y == c]) for c in range(10)]


def resampled_correlations(predictors, recall, n):
    """Pearson correlations over classes x seeds, and the same with seeds and classes drawn anew n times."""
    rng = np.random.default_rng(0)
    S, C = recall.shape
    draws = [np.ix_(rng.integers(S, size=S), rng.integers(C, size=C)) for _ in range(n)]
    observed, spread = {}, {}
    for name, values in predictors.items():
        observed[name] = np.corrcoef(values.ravel(), recall.ravel())[0, 1]
        spread[name] = np.array([np.corrcoef(values[d].ravel(), recall[d].ravel())[0, 1] for d in draws])
    return observed, spread


def suggested_depth(net, X, y):
    """Hidden layers kept by the cut at the convexity peak."""
    frame = rx.metrics.profile(net, X, y, metrics=["graph_convexity"], rng=0)
    cut = rx.metrics.suggested_cut(frame)["convexity_peak"]
    return frame.attrs["hidden"].index(cut["layer"]) + 1


def shown(ends):
    return "[{:+.2f}, {:+.2f}]".format(*ends)


def depth_claims(stages, null, first, premises):
    """Table of convexity by depth, and claims 1 and 2 on arrays (seeds, metric, layer) per stage.

    ``premises``: per stage, whether its networks have learnt what they should.
    """
    print("Convexity on held-out images by layer, mean over seeds\n")
    print(f"{'':24s}" + "".join(f"{name:>8s}" for name in ["input", *map(str, range(1, DEPTH + 1))]))
    for m, metric in enumerate(["graph", "Euclidean"]):
        for stage, values in stages.items():
            print(f"{metric:10s}{stage:14s}" + "".join(f"{v:8.3f}" for v in values[:, m].mean(0)))
    text = f"classes are convex above chance in layer 1 after masks: graph convexity {first:.3f}, of permuted labels "
    claim = (null.p_value <= 0.05, text + f"{null.mean:.3f} (p = {null.p_value:.2f})", True)
    claims = given([premises["pretrained"]], [claim])
    for m, metric in enumerate(["graph", "Euclidean"]):
        for stage in STAGES[1:]:
            change = stages[stage][:, m, -1] - stages[stage][:, m, 1]
            text = f"{metric} convexity grows from the first hidden layer to the last, {stage}: {signed(change)}"
            claims += given([premises[stage]], [(unanimous(change), text, False)])
        for before, after in (STAGES[:2], STAGES[2:]):
            change = stages[after][:, m, -1] - stages[before][:, m, -1]
            text = f"{metric} convexity of the last hidden layer, {after} against {before}: {signed(change)}"
            claim = (unanimous(change), text, (metric, after) != ("Euclidean", "fine-tuned"))
            claims += given([premises[stage] for stage in (before, after) if stage in premises], [claim])
    return claims


def signed(values):
    return " ".join(f"{v:+.3f}" for v in np.atleast_1d(values))


def forecast_claims(task, predictors, recall, n, premise):
    """Table of correlations, and claim 3."""
    observed, spread = resampled_correlations(predictors, recall, n)
    print(
        f"\nRecall after {task} and fine-tuning on {SHOTS} images per class ({recall.min():.2f} to {recall.max():.2f}) against"
    )
    print(
        f"the pretrained last layer; {recall.shape[1]} classes x {recall.shape[0]} seeds, r and 95% interval, both drawn anew\n"
    )
    for name, r in observed.items():
        print(f"{name:28s}{r:+6.2f}  {shown(interval(spread[name]))}")
    claims, number = [], len(TASKS) * len(CONTROLS) * 4
    for name, control in CONTROLS.items():
        ends = interval(spread[name], number)
        text = f"{task}: {name} of a class foretells its recall, r = {observed[name]:+.2f} {shown(ends)}, as one of {number}"
        claims.append((told(*ends), text, task == "masks"))
        for other in ("dimension (TwoNN)", "participation ratio", control):
            ends = interval(abs(spread[name]) - abs(spread[other]), number)
            larger = abs(observed[name]) - abs(observed[other])
            text = (
                f"{task}: {name} tells more than {other}, |r| larger by {larger:+.2f} {shown(ends)}, as one of {number}"
            )
            claims.append((told(*ends), text, False))
    return given([premise, learnt(recall, 0.1)], claims)


CONTROLS = {"graph convexity": "control: pixels, graph", "Euclidean convexity": "control: recall of a head"}


def cut_claims(task, accuracies, chosen, premise):
    """Table of the accuracy by layers kept, and claim 4, on arrays (seeds, depth) and (seeds,)."""
    print(f"\nAccuracy after {task}, cutting and fine-tuning, by hidden layers kept")
    print("  ".join(f"{kept}: {value:.3f}" for kept, value in enumerate(accuracies.mean(0), 1)))
    print(f"kept at the convexity peak, seed by seed: {' '.join(map(str, chosen))}")
    change = accuracies[np.arange(len(chosen)), chosen - 1] - accuracies[:, -1]
    text = f"{task}: cutting at the convexity peak before fine-tuning costs no accuracy, change {signed(change)}"
    claims = [(change.mean() > -0.01, text, True)]
    gain = accuracies[np.arange(len(chosen)), chosen - 1] - accuracies.mean(1)
    text = f"{task}: the convexity peak is a better place to cut than the average layer, {signed(gain)}"
    return given([premise, learnt(accuracies, 0.1)], [*claims, (unanimous(gain), text, False)])


def head_claims(cut_heads):
    """Claim 4 for networks that are already trained on the classes."""
    claims = []
    print("\nNetworks trained on the classes, cut at the convexity peak, linear head fitted, no more training")
    for name, rows in cut_heads.items():
        depth, whole, cut = np.array(rows).T
        print(f"{name:12s}layers kept {depth.astype(int)}, accuracy {whole.mean():.3f} -> {cut.mean():.3f}")
        text = f"{name}: a linear head at the convexity peak costs no accuracy, change {signed(cut - whole)}"
        claims += given([learnt(whole, 0.1)], [((cut - whole).mean() > -0.01, text, True)])
    return claims


def plot(folder, stages, results):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    for color, (stage, values) in zip(("C7", "C0", "C1", "C3"), stages.items(), strict=True):
        left.plot(values[:, 0].mean(0), "o-", color=color, label=stage)
        left.plot(values[:, 1].mean(0), "o:", color=color, mfc="white")
    left.set(xlabel="hidden layer (0: input)", ylabel="convexity", title="graph (solid), Euclidean (dotted)")
    left.set_xticks(range(DEPTH + 1))
    left.legend()
    for color, (task, (predictors, recall, cuts, _)) in zip(("C2", "C4"), results.items(), strict=True):
        middle.plot(predictors["graph convexity"].ravel(), recall.ravel(), ".", color=color, label=task)
        right.plot(range(1, DEPTH + 1), cuts.T, color=color, lw=0.6, alpha=0.5)
        right.plot(range(1, DEPTH + 1), cuts.mean(0), "o-", color=color, label=task)
    middle.set(xlabel="graph convexity, pretrained", ylabel="recall, fine-tuned", title="a point per class and seed")
    right.set(xlabel="hidden layers kept", ylabel="accuracy, fine-tuned", title="cut before fine-tuning; thin: seeds")
    right.set_xticks(range(1, DEPTH + 1))
    middle.legend()
    right.legend()
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "08_convexity.png", dpi=120)


def one_seed(task, data, epochs, seed, pixels):
    """Pretrained network, forecasts and recall per class, accuracy by layers kept, and the layers to keep."""
    X, y, X_test, y_test = data
    net = pretrain(task, X, epochs, seed)
    draw = np.random.default_rng(seed)
    few = np.concatenate([draw.choice(np.flatnonzero(y == c), SHOTS, replace=False) for c in range(10)])
    tuned = [fine_tuned(net, depth, X[few], y[few], 6 * epochs, seed) for depth in range(1, DEPTH + 1)]
    cuts = [accuracy(one, X_test, y_test) for one in tuned]
    chosen = suggested_depth(net, X[few], y[few])
    return net, (forecasts(net, X, y, few, pixels), recalls(tuned[-1], X_test, y_test), cuts, chosen)


def staged(net, data, epochs, seed):
    """Networks without outputs for the classes get a fitted head; the two others are trained: one per stage."""
    X, y = data[:2]
    plain = network(X, 10, seed)
    trained = fit(copy.deepcopy(plain), X, y, epochs, seed=seed, batch=128)
    whole = fine_tuned(net, DEPTH, X, y, epochs, seed)
    fitted = [behind(one, DEPTH, linear_head(hidden(one, X)[-1], y)) for one in (plain, net)]
    return dict(zip(STAGES, (fitted[0], trained, fitted[1], whole), strict=True))


def cut_and_fitted(net, data):
    """Hidden layers kept at the convexity peak, accuracy of the network, and of a linear head on the layers kept."""
    X, y, X_test, y_test = data
    depth = suggested_depth(net, X[:500], y[:500])
    cut = behind(net, depth, linear_head(hidden(net, X)[depth - 1], y))
    return depth, accuracy(net, X_test, y_test), accuracy(cut, X_test, y_test)


def main():
    args = options(__doc__)
    n_seeds, n_depth, epochs = (1, 1, 2) if args.quick else (5, 3, 25)
    data = tuple(part[:1000] for part in load(args.mnist, test_share=0.5))
    X_seen, y_seen = data[2][:500], data[3][:500]
    pixels = rx.metrics.graph_convexity(*data[:2], n_pairs=1000, rng=0)
    results, stages, cut_heads = {}, {name: [] for name in STAGES}, {"trained": [], "fine-tuned": []}
    prepared = {}
    for task in TASKS:
        nets, parts = zip(*(one_seed(task, data, epochs, seed, pixels) for seed in range(n_seeds)), strict=True)
        predictors, *rest = zip(*parts, strict=True)
        prepared[task] = pretrained(task, [passed(task, net, data[2]) for net in nets])
        results[task] = {name: np.array([p[name] for p in predictors]) for name in predictors[0]}, *map(np.array, rest)
        for seed, net in enumerate(nets[:n_depth] if task == TASKS[0] else []):
            found = staged(net, data, 4 * epochs, seed)
            for name, one in found.items():
                stages[name].append(by_depth(one, X_seen, y_seen, 500))
            for name, rows in cut_heads.items():
                rows.append(cut_and_fitted(found[name], data))
            if seed == 0:
                first = hidden(net, X_seen)[0]
    above = rx.metrics.graph_convexity(first, y_seen, n_pairs=500, rng=0, n_permutations=39)
    stages = {name: np.array(values) for name, values in stages.items()}
    premises = {name: learnt([whole for _, whole, _ in rows], 0.1) for name, rows in cut_heads.items()}
    claims = depth_claims(stages, above.null, above.overall, {"pretrained": prepared[TASKS[0]], **premises})
    for task, (predictors, recall, cuts, chosen) in results.items():
        claims += forecast_claims(task, predictors, recall, 100 if args.quick else 10_000, prepared[task])
        claims += cut_claims(task, cuts, chosen, prepared[task])
    claims += head_claims(cut_heads)
    if args.plot:
        plot(args.plot, stages, results)
    conclude(claims, args.quick)


if __name__ == "__main__":
    main()
