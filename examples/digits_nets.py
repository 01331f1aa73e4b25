"""What the examples share: digits, plain ReLU networks and a plain training loop."""

import argparse
import itertools
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import relucvx as rx


def options(description):
    """Command line of an example: --quick, --plot FOLDER, --mnist FOLDER."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a short run, which decides little and asserts nothing")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="write the figures there")
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="MNIST's IDX files, in place of the small digits")
    return parser.parse_args()


def load(mnist=None, test_share=0.2):
    """Pixels in [0, 1], labels 0-9: (X, y, X_test, y_test). Without a folder scikit-learn's 8x8 digits, split once."""
    if mnist is not None:
        train, test = (rx.datasets.load_idx(mnist, part) for part in ("train", "test"))
        return tuple(np.array(a) for a in (train.X, train.labels, test.X, test.labels))  # torch wants writable arrays
    digits = rx.datasets.load("digits", standardize=False)
    order = np.random.default_rng(0).permutation(len(digits.X))
    train, test = np.split(order, [round((1 - test_share) * len(order))])
    X, y = digits.X / 16, digits.labels
    return X[train], y[train], X[test], y[test]


def mlp(widths, seed=0):
    """Linear, ReLU, ..., Linear through these widths (inputs first, classes last), torch's own initialisation."""
    torch.manual_seed(seed)
    layers = []
    for fan_in, fan_out in itertools.pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def views(X, draw):
    """One random view of every image: shifted by up to an eighth of its side, with noise and dropped pixels."""
    side = round(X.shape[1] ** 0.5)
    reach = side // 8
    images = F.pad(X.view(-1, 1, side, side), (reach,) * 4).unfold(2, side, 1).unfold(3, side, 1)
    rows, columns = torch.randint(0, 2 * reach + 1, (2, len(X)), generator=draw)
    shifted = images[torch.arange(len(X)), 0, rows, columns].reshape(len(X), -1)
    kept = torch.rand(shifted.shape, generator=draw) > 0.1
    return (shifted + 0.1 * torch.randn(shifted.shape, generator=draw)) * kept


def contrast(z, temperature=0.5):
    """SimCLR's loss: every view should find the other view of its sample among all views."""
    z = F.normalize(z, dim=1)
    similarity = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(similarity, torch.arange(len(z)).roll(len(z) // 2))


def fit(
    net, X, y, epochs, seed=0, lr=1e-3, batch=64, weight_decay=0.0, callback=None, loss=nn.functional.cross_entropy
):
    """Adam on the loss, in shuffled batches; ``callback(epoch)`` after each epoch. Returns the network."""
    X, y = torch.as_tensor(X, dtype=torch.float32), torch.as_tensor(y)
    y = y.float() if y.is_floating_point() else y.long()
    shuffle = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=lr, weight_decay=weight_decay)
    for epoch in range(epochs):
        net.train()
        for rows in torch.randperm(len(X), generator=shuffle).split(batch):
            optimizer.zero_grad(set_to_none=True)
            loss(net(X[rows]), y[rows]).backward()
            optimizer.step()
        net.eval()
        if callback is not None:
            callback(epoch)
    return net.eval()


@torch.no_grad()
def accuracy(net, X, y):
    """Share of the samples that the network labels rightly."""
    return float((net(torch.as_tensor(X, dtype=torch.float32)).argmax(1).numpy() == y).mean())


def learnt(accuracies, chance):
    """Premise of a claim about what networks have learnt: on average they are half-way from chance to no error at all."""
    found, least = float(np.mean(accuracies)), (1 + chance) / 2
    return found >= least, f"accuracy {found:.3f}, at least {least:.2f} needed"


def given(premises, claims):
    """The claims where every premise ``(met, text)`` is met; else the same ones undecided, with the premise that is not."""
    missed = [text for met, text in premises if not met]
    if not missed:
        return list(claims)
    return [(None, f"premise not met ({'; '.join(missed)}): {text}", asserted) for _, text, asserted in claims]


LEVEL = 0.05
"""Of all claims of a script together: the intervals and p-values behind them are corrected for their number."""


def interval(draws, number=1):
    """Ends of the interval that holds a drawn quantity at 95 %, or at the level that one of so many claims has."""
    return np.percentile(draws, [50 * LEVEL / number, 100 - 50 * LEVEL / number])


def told(low, high):
    """Whether an interval lies above zero; None when it holds zero."""
    return None if low <= 0 <= high else bool(low > 0)


def unanimous(changes):
    """Whether all networks say yes (above zero) or all say no; None when they differ."""
    above = np.asarray(changes) > 0
    return bool(above[0]) if (above == above[0]).all() else None


def flipped(differences):
    """Mean of paired differences and its two-sided p-value: all signs are tried."""
    d = np.asarray(differences, dtype=float)
    signs = np.array(list(itertools.product((1, -1), repeat=len(d))))
    reached = np.abs(signs @ d) >= abs(d.sum()) - 1e-12
    return float(d.mean()), float(reached.mean())


class Tests:
    """Claims that wait for the correction: all p-values of a script are corrected together."""

    def __init__(self):
        self.waiting = []

    def add(self, premises, text, value, p, least, sign=1, asserted=False):
        """A claim that ``value`` has a sign, its p-value, and the least one that so few seeds, classes or methods allow."""
        self.waiting.append((premises, text, value, p, least, sign, asserted))

    def claims(self):
        corrected = rx.metrics.holm([p for _, _, _, p, *_ in self.waiting])
        number, claims = len(self.waiting), []
        for (premises, text, value, _, least, sign, asserted), p in zip(self.waiting, corrected, strict=True):
            enough = (
                least <= LEVEL / number,
                f"p-values down to {least:.2g} are possible, {LEVEL / number:.2g} needed",
            )
            holds = (value * sign > 0) if p <= LEVEL else None
            claim = (holds, f"{text} ({value:+.3g}, p = {p:.2g} as one of {number})", asserted)
            claims += given([enough, *premises], [claim])
        return claims


def conclude(claims, quick):
    """Print what came of each claim ``(holds, text with the numbers, asserted)``; a full run holds to those asserted.

    A claim of which ``holds`` is None cannot be told from these figures: an interval holds zero, or a premise is not met.
    """
    print()
    for holds, text, _ in claims:
        print(f"{'undecided' if holds is None else 'holds' if holds else 'does not reproduce'}: {text}")
    failed = [text for holds, text, asserted in claims if asserted and not holds]
    assert quick or not failed, failed
