"""Are recordings of known geometry told apart, are corrected scores unbiased, and do other tools say the same?

Geometries: simulated recordings of 200 trials and 50 neurons are sorted by two numbers of their measurement, the decoding of
their factors and the parallelism of the noise-corrected kernel, with thresholds fixed here. Bias: many recordings around the
same centres; the mean of each corrected score is compared with its true value in standard errors. Levels: how often p <= 0.05
in recordings in which there is nothing to be found, with 19 draws (39 for two sides), and how often categories are found that
are there; of 1,000 recordings a rate of 5 % is known to 0.7 %.

Peers (PyPI ``rsatoolbox`` 0.3.2, ``decodanda`` 0.8.6) run in an interpreter of their own, named by ``--peer-python``. Where
decodanda draws trials at random, it is given all of them once instead, and the same classifier; nothing else of it is changed.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from harness import RESULTS, arguments, save, table

import relucvx as rx
from relucvx.metrics.nulls.p_values import corrected_p_values, lot, p_values

LEVEL = 0.05 + 1e-9

THRESHOLDS = {"decoded": 0.65, "parallel": 0.75, "random": 0.25}
"""A factor below the first is not coded; mean parallelism above the second is abstract, below the third random."""

PEER = r"""
import json, sys
import numpy as np
import rsatoolbox, decodanda
from decodanda import classes
from rsatoolbox.data import Dataset, noise
from rsatoolbox.inference import boot_noise_ceiling
from rsatoolbox.rdm import RDMs, calc_rdm
from sklearn.svm import SVC

data, out = np.load(sys.argv[1]), {}
Z, condition, run, F, W = data["Z"], data["condition"], data["run"], data["F"], data["W"]
trials = Dataset(Z, obs_descriptors={"condition": condition, "run": run})
for name, precision in (("none", None), ("given", W)):
    rdm = calc_rdm(trials, method="crossnobis", descriptor="condition", cv_descriptor="run", noise=precision)
    out[f"crossnobis {name}"] = rdm.dissimilarities[0].tolist()
uneven = Dataset(data["Zu"], obs_descriptors={"condition": data["cu"]})
for ours, theirs in (("diagonal", "shrinkage_diag"), ("identity", "shrinkage_eye"), ("variances", "diag"), ("none", "full")):
    out[f"covariance {ours}"] = noise.cov_from_unbalanced(uneven, "condition", method=theirs).tolist()
for ours, theirs in (("cosine", "cosine"), ("pearson", "corr"), ("spearman", "spearman")):
    out[f"ceiling {ours}"] = [float(x) for x in boot_noise_ceiling(RDMs(data["rdms"]), method=theirs)]

def everything(rasters, ndata, mode="sample"):
    return np.hstack(rasters)

def all_once(rasters, ndata, training_fraction, trials, mode="sample", randomstate=None, debug=False, testing_trials=None):
    masks = [(~np.isin(t, testing_trials), np.isin(t, testing_trials)) for t in trials]
    return (np.hstack([r[m[0]] for r, m in zip(rasters, masks)]), np.hstack([r[m[1]] for r, m in zip(rasters, masks)]))

classes.sample_from_rasters, classes.sample_training_testing_from_rasters = everything, all_once
names = ["a", "b", "c"]
held = {"raster": Z, "trial": np.arange(len(Z)), **{name: F[:, k] for k, name in enumerate(names)}}
model = SVC(kernel="linear", C=1.0, class_weight="balanced", tol=1e-9)
dec = decodanda.Decodanda(data=held, conditions={name: [0, 1] for name in names}, classifier=model, verbose=False)
splits = dec.all_dichotomies(balanced=True)
rows = []
for name, (left, right) in splits.items():
    ccgp = dec.CCGP_dichotomy([left, right], resamplings=1, max_semantic_dist=3)
    row = {"left": left, "right": right, "ccgp": float(np.mean(ccgp))}
    # it numbers the trials anew, condition by condition: the r-th trial of each is that of run r
    folds = [[index[0][r] for index in dec.conditioned_trial_index.values()] for r in range(len(np.unique(run)))]
    found = [dec.decode_dichotomy([left, right], training_fraction=0.5, cross_validations=1, testing_trials=f) for f in folds]
    row["decoding"] = float(np.mean(found))
    if name in names:
        row["factor_ccgp"] = float(np.mean(dec.CCGP_dichotomy(name, resamplings=1, max_semantic_dist=1)))
        row["factor_parallelism"] = float(dec.parallelism_score_dichotomy(name, max_semantic_dist=1, method="cosine"))
    rows.append(row)
out["dichotomies"] = rows
json.dump(out, open(sys.argv[2], "w"))
"""


def kind_of(recording: rx.Recording) -> str:
    """The geometry that two numbers say."""
    decoded = rx.metrics.dichotomies(recording, n_permutations=0)
    factors = [decoded.decoding[decoded.names.index(name)] for name in recording.factors]
    if min(factors) < THRESHOLDS["decoded"]:
        return "collapsed"
    K = recording.kernel()
    parallel = rx.metrics.parallelism_score(kernel=K.kernel, factors=recording.condition_factors).mean
    if parallel > THRESHOLDS["parallel"]:
        return "abstract"
    return "random" if parallel < THRESHOLDS["random"] else "mixed"


def told_apart(count: int) -> list[dict[str, Any]]:
    """Shares of the recordings of each geometry that are called by its name."""
    rows = []
    for kind in rx.datasets.GEOMETRIES:
        found = [kind_of(rx.datasets.recording(kind, rng=seed)) for seed in range(count)]
        rows.append({"question": "told apart", "what": kind, "value": found.count(kind) / count, "of": count})
        print(f"{kind}: {found.count(kind)} of {count}", flush=True)
    return rows


def unbiased(count: int) -> list[dict[str, Any]]:
    """Means of corrected scores over recordings around the same centres, in standard errors from the truth."""
    rows = []
    for kind in rx.datasets.GEOMETRIES:
        still = rx.datasets.recording(kind, n_neurons=12, n_trials=4, noise=0.0, rng=5)
        centres = still.averages().means
        rng = np.random.default_rng(7)
        mix = rng.standard_normal((12, 12)) / 3.0
        condition = np.repeat(np.arange(4), [3, 5, 6, 10])
        truth = np.sum((centres[:, None] - centres) ** 2, axis=2)[np.triu_indices(4, 1)] / 12
        values = []
        for _ in range(count):
            Z = centres[condition] + rng.standard_normal((24, 12)) @ mix
            one = rx.Recording(Z, condition=condition)
            K = one.kernel().kernel
            values.append([*rx.metrics.crossnobis(one, noise=None).vector, np.trace(K)])
        found, expected = np.array(values), np.array([*truth, np.sum(centres**2)])
        z = (found.mean(axis=0) - expected) / (found.std(axis=0) / np.sqrt(count))
        for what, value in (("sum of distances", found[:, :6].sum(axis=1)), ("trace of the kernel", found[:, 6])):
            target = truth.sum() if what.startswith("sum") else expected[6]
            error = float((value.mean() - target) / (value.std() / np.sqrt(count)))
            rows.append({"question": "unbiased", "what": f"{kind}: {what}", "value": error, "of": count})
        rows.append({"question": "largest of 7 scores", "what": kind, "value": float(np.abs(z).max()), "of": count})
    rng, own, same = np.random.default_rng(0), [], []
    mix = rng.standard_normal((12, 12))
    for _ in range(count):
        one = rx.Recording(rng.standard_normal((24, 12)) @ mix, condition=np.repeat([0, 1], 12))
        own.append(rx.metrics.crossnobis(one).vector[0])
        same.append(rx.metrics.crossnobis(one, noise=rx.metrics.noise_covariance(one)).vector[0])
    for what, values in (
        ("equal conditions, precision of the other folds", own),
        ("equal conditions, of all trials", same),
    ):
        error = float(np.mean(values) / (np.std(values) / np.sqrt(count)))
        rows.append({"question": "unbiased", "what": what, "value": error, "of": count})
    return rows


def unrelated(rng: Any, factors: int, trials: int) -> rx.Recording:
    """Trials whose conditions do not differ."""
    F = np.repeat(np.array(list(product((0, 1), repeat=factors))), trials, axis=0)
    return rx.Recording(rng.standard_normal((len(F), 10)), factors={f"f{k}": F[:, k] for k in range(factors)})


def scattered(rng: Any, factors: int, trials: int) -> rx.Recording:
    """Conditions at random places: every split is told apart, and none is abstract but by chance."""
    one = unrelated(rng, factors, trials)
    centres = 1.5 * rng.standard_normal((len(one.conditions), 10))
    return replace(one, responses=one.responses + centres[one.groups.codes])


def found_by_chance(factors: int, trials: int, seed: int, of: int) -> dict[str, bool]:
    """Which scores find something in one recording, of one split and of any: as is, ties counted against it, and by lot."""
    rng, place, seen = np.random.default_rng([of, seed]), lot(seed), {}
    for make, scores in ((unrelated, ("decoding",)), (scattered, ("ccgp", "parallelism"))):
        one = make(rng, factors, trials)
        found = rx.metrics.dichotomies(one, n_permutations=19, n_folds=2, rng=seed, progress=False)
        for score in scores:
            values, null = getattr(found, score), getattr(found, f"null_{score}")
            for kind, p in (("one split", p_values), ("any split, corrected", corrected_p_values)):
                plain, broken = p(values, null, "greater"), p(values, null, "greater", place)
                first = slice(1) if kind == "one split" else slice(None)
                shown = found.p_values(score, corrected=p is corrected_p_values)
                seen[f"{score}: {kind}"] = bool(shown[first].min() <= LEVEL)
                seen[f"{score}: {kind}, ties count"] = bool(plain[first].min() <= LEVEL)
                seen[f"{score}: {kind}, ties by lot"] = bool(broken[first].min() <= LEVEL)
    return seen


def levels_of_splits(count: int, of: int = 11) -> list[dict[str, Any]]:
    """How often a split that was chosen beforehand has p <= 0.05, and how often any of all has after correction."""
    rows = []
    for factors, trials in ((2, 8), (3, 4)):  # 3 splits and 35
        sets = [found_by_chance(factors, trials, seed, of) for seed in range(count)]
        for what in sets[0]:
            rate = float(np.mean([one[what] for one in sets]))
            rows.append({"question": f"level, {2**factors} conditions", "what": what, "value": rate, "of": count})
            print(rows[-1], flush=True)
    return rows


PLANE = np.linalg.svd(np.eye(6) - 1.0 / 6.0)[0][:, :5]
"""Six conditions less their mean."""


def tuned(rng: Any, spread: Any, kinds: int | None = None, noise: float = 0.0) -> rx.Recording:
    """100 neurons of different gain: random mixtures of the given spread, or noisy members of a few kinds."""
    V = rng.standard_normal((kinds or 100, 5)) * spread
    if kinds:
        V = V[rng.integers(0, kinds, 100)] + noise * rng.standard_normal((100, 5))
    return rx.Recording(PLANE @ (V * np.exp(0.7 * rng.standard_normal((100, 1)))).T, condition=range(6))


def levels_of_categories(count: int, of: int = 12) -> list[dict[str, Any]]:
    """How often tests for categories find some among random mixtures, and among four kinds of neurons."""
    cases: dict[str, tuple[str, Callable[[Any], rx.Recording]]] = {
        "equal variances": ("level", lambda rng: tuned(rng, np.ones(5))),
        "variances 16 to 0.25": ("level", lambda rng: tuned(rng, np.array([4.0, 2.0, 1.0, 1.0, 0.5]))),
        "four kinds, noise 0.8": ("found", lambda rng: tuned(rng, np.linspace(2.0, 0.7, 5), 4, 0.8)),
    }
    rows = []
    for what, (question, make) in cases.items():
        for test, draws in ((rx.metrics.epairs, 39), (rx.metrics.erp, 19)):
            found = [test(make(np.random.default_rng([of, k])), n_draws=draws, rng=k).p_value for k in range(count)]
            share = float(np.mean(np.array(found) <= LEVEL))
            rows.append({"question": question, "what": f"{test.__name__}: {what}", "value": share, "of": count})
            print(rows[-1], flush=True)
    return rows


def agreement(peer: str) -> list[dict[str, Any]]:
    """Largest differences from the peers, on the same trials."""
    rng = np.random.default_rng(0)
    cube = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    F, run = np.tile(cube, (6, 1)), np.repeat(np.arange(6), 8)
    Z = (2.0 * F - 1.0) @ rng.standard_normal((3, 12)) + 1.5 * rng.standard_normal((48, 12))
    Z -= Z.mean(axis=0)
    Z /= np.sqrt(np.mean(np.sum(Z**2, axis=1)))
    condition = F @ [4, 2, 1]
    W = np.linalg.inv(np.cov(rng.standard_normal((40, 12)).T))
    uneven = np.repeat([0, 1, 2], [3, 6, 9])
    Zu = rng.standard_normal((18, 12)) @ rng.standard_normal((12, 12))
    rdms = np.abs(rng.standard_normal(28)) + 0.3 * rng.standard_normal((5, 28))
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder, "data.npz"), Path(folder, "out.json")
        np.savez(data, Z=Z, condition=condition, run=run, F=F, W=W, Zu=Zu, cu=uneven, rdms=rdms)
        subprocess.run([peer, "-c", PEER, str(data), str(out)], check=True, capture_output=True, text=True)
        theirs = json.loads(out.read_text())
    one = rx.Recording(Z, factors={"a": F[:, 0], "b": F[:, 1], "c": F[:, 2]}, repeat=run)
    other = rx.Recording(Zu, condition=uneven)
    square = [_square(row) for row in rdms]
    ours: dict[str, Any] = {
        "crossnobis none": rx.metrics.crossnobis(one, noise=None).vector,
        "crossnobis given": rx.metrics.crossnobis(one, noise=W).vector,
    }
    for name in ("diagonal", "identity", "variances", "none"):
        ours[f"covariance {name}"] = rx.metrics.noise_covariance(other, shrinkage=name).covariance
    for name in ("cosine", "pearson", "spearman"):
        ceiling = rx.metrics.noise_ceiling(square, method=name)
        ours[f"ceiling {name}"] = [ceiling.lower, ceiling.upper]
    rows = [
        {
            "question": "rsatoolbox",
            "what": name,
            "value": float(np.abs(np.array(value) - theirs[name]).max()),
            "of": np.size(value),
        }
        for name, value in ours.items()
    ]
    mine = rx.metrics.dichotomies(one, n_permutations=0, n_dichotomies=35)
    at = {_key(side): k for k, side in enumerate(mine.sides)}
    labels = ["".join(map(str, c)) for c in mine.conditions]
    worst: dict[str, list[float]] = {}
    for row in theirs["dichotomies"]:
        k = at[_key(np.array([label in row["left"] for label in labels]))]
        for score in ("decoding", "ccgp", "factor_ccgp", "factor_parallelism"):
            if score in row:
                worst.setdefault(score, []).append(abs(float(getattr(mine, score)[k]) - row[score]))
    rows.append(
        {
            "question": "decodanda",
            "what": "splits",
            "value": float(len(theirs["dichotomies"]) - len(mine.names)),
            "of": len(at),
        }
    )
    rows += [
        {"question": "decodanda", "what": name, "value": max(found), "of": len(found)} for name, found in worst.items()
    ]
    return rows


def _key(side: Any) -> bytes:
    return bytes((side ^ side[0]).tobytes())


def _square(vector: Any) -> Any:
    P = round((1 + np.sqrt(1 + 8 * len(vector))) / 2)
    out = np.zeros((P, P))
    out[np.triu_indices(P, 1)] = vector
    return out + out.T


def main() -> None:
    """Answer the questions, print and save; with ``--only`` the other answers of the file stay."""
    args = arguments(
        __doc__,
        ("--count", {"type": int, "default": 100, "help": "recordings of each geometry"}),
        ("--sets", {"type": int, "default": 1000, "help": "recordings without anything to be found"}),
        ("--seed", {"type": int, "default": 11, "help": "of the recordings without anything to be found (default 11)"}),
        ("--only", {"default": "", "help": "geometries, bias, splits, categories or peers"}),
        ("--peer-python", {"default": None, "help": "interpreter with rsatoolbox and decodanda"}),
    )
    count, sets = (2, 5) if args.quick else (args.count, args.sets)
    work: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "geometries": lambda: told_apart(count),
        "bias": lambda: unbiased(20 if args.quick else 10 * count),
        "splits": lambda: levels_of_splits(sets, args.seed),
        "categories": lambda: levels_of_categories(sets, args.seed + 1),
        "peers": lambda: agreement(args.peer_python) if args.peer_python else [],
    }
    path = args.out or RESULTS / "recordings.json"
    stored = json.loads(path.read_text())["rows"] if path.exists() and args.only else []
    answers: dict[tuple[str, str], dict[str, Any]] = {(row["question"], row["what"]): row for row in stored}
    for name, answer in work.items():
        if args.only in ("", name):
            answers |= {(row["question"], row["what"]): row for row in answer()}
    rows = list(answers.values())
    print(
        table(
            ["question", "what", "value", "of"],
            [[r["question"], r["what"], f"{r['value']:.3g}", r["of"]] for r in rows],
        )
    )
    print(save(__file__, args, rows))


if __name__ == "__main__":
    main()
