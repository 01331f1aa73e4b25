"""How often permutation tests of data without structure find one at 5 %, how often intervals hold the truth, and what CKA is.

Data sets are small, and drawn so that nothing but chance relates what is scored. With 19 draws (39 for two sides) a test at
5 % rejects in 5 % of them exactly, whatever the score, unless it has ties (then in fewer). The truth behind an interval is the
mean score of fresh data sets of the same size.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from harness import arguments, save, table

from relucvx.metrics import bootstrap, permutation_test, scale

SQUARE = np.array([[a, b] for a in (0, 1) for b in (0, 1)])
CUBE = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
FACTORS = np.repeat(SQUARE, 4, axis=0)
CUBES = np.repeat(CUBE, 2, axis=0)
LABELS = np.repeat([0, 1], 10)
SESSIONS = np.tile([0, 1], 10)
Rng = np.random.Generator


def similarity(rng: Rng, n: int = 14) -> tuple[Any, ...]:
    """Two representations that have nothing to do with each other."""
    return rng.standard_normal((n, 3)), rng.standard_normal((n, 4)) ** 3


def layers(rng: Rng) -> tuple[Any, ...]:
    """Three layers of two networks, each made of the one before: what they share within is no relation between."""
    first = rng.standard_normal((14, 3)), rng.standard_normal((14, 4))
    return tuple([Z, np.maximum(Z, 0.0) @ rng.standard_normal((Z.shape[1], 5)), Z**3] for Z in first)


def many_layers(rng: Rng) -> tuple[Any, ...]:
    """Twelve layers of two networks."""
    found = []
    for _ in range(2):
        chain = [rng.standard_normal((14, 4))]
        while len(chain) < 12:
            chain.append(np.maximum(chain[-1] @ rng.standard_normal((4, 4)), 0.0) + 0.3 * rng.standard_normal((14, 4)))
        found.append(chain)
    return tuple(found)


def classes(rng: Rng) -> tuple[Any, ...]:
    """Points without classes."""
    return rng.standard_normal((20, 3)), LABELS


def drifting(rng: Rng) -> tuple[Any, ...]:
    """Sessions that differ in everything, labels included, but not the classes within them."""
    labels = np.concatenate([rng.permutation([0] * k + [1] * (10 - k)) for k in (8, 2)])
    return rng.standard_normal((20, 3)) + 3.0 * np.repeat([[0.0], [1.0]], 10, axis=0), labels


def factorial(rng: Rng) -> tuple[Any, ...]:
    """Trials around nothing: no condition differs from another."""
    return rng.standard_normal((16, 5)), FACTORS


def random_geometry(rng: Rng) -> tuple[Any, ...]:
    """Conditions at random places."""
    return 2.0 * np.repeat(rng.standard_normal((8, 6)), 2, axis=0) + rng.standard_normal((16, 6)), CUBES


def correlated_geometry(rng: Rng) -> tuple[Any, ...]:
    """Conditions at random places in few of the directions."""
    places = rng.standard_normal((8, 6)) * np.array([4.0, 2.0, 1.0, 0.5, 0.2, 0.1])
    return np.repeat(places, 2, axis=0) + 0.3 * rng.standard_normal((16, 6)), CUBES


def alone(rng: Rng) -> tuple[Any, ...]:
    """Neurons that have nothing to do with each other."""
    return (rng.standard_normal((16, 4)) ** 3,)


def sessions_alone(rng: Rng) -> tuple[Any, ...]:
    """The same, with what all of them share between sessions."""
    return (rng.standard_normal((16, 4)) + 2.0 * np.repeat([[0.0], [1.0]], 8, axis=0),)


def walk(rng: Rng, turns: bool) -> tuple[Any, ...]:
    """A walk whose crossings are of neurons drawn at random, or whose steps come in a random order."""
    steps = np.zeros((12, 8), dtype=bool)
    steps[
        np.arange(12), rng.integers(8, size=12) if turns else rng.permutation([0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7])
    ] = 1
    return (np.vstack([np.zeros((1, 8), dtype=bool), np.cumsum(steps, axis=0) % 2 == 1]),)


EIGHT = np.repeat(np.arange(8), 2)
TESTS: list[tuple[str, str, Callable[[Rng], tuple[Any, ...]], dict[str, Any]]] = [
    ("cka", "labels", similarity, {"debiased": True}),
    ("cka", "rotation", lambda rng: (rng.standard_normal((14, 3)) ** 3, rng.standard_normal((14, 4))), {"debiased": False}),
    ("cka", "conditions", lambda rng: tuple(np.repeat(Z, 2, axis=0) for Z in similarity(rng, 8)), {"conditions": EIGHT}),
    ("cka, best of 3 x 3 layers", "labels", layers, {}),
    ("cka, best of 12 x 12 layers", "labels", many_layers, {}),
    ("procrustes", "labels", similarity, {}),
    ("procrustes, best of 3 x 3 layers", "labels", layers, {}),
    ("rdm_correlation", "labels", similarity, {}),
    ("mutual_knn", "labels", similarity, {"k": 3}),
    ("neural_collapse", "labels", classes, {}),
    ("neural_collapse", "within", drifting, {"sessions": np.repeat([0, 1], 10)}),
    ("neural_collapse", "rotation", classes, {}),
    ("parallelism_score", "labels", factorial, {}),
    ("parallelism_score", "conditions", correlated_geometry, {}),
    ("parallelism_score", "rotation", random_geometry, {}),
    ("parallelism_score, per factor", "rotation", random_geometry, {"statistic": "per_factor"}),
    ("neuron_tuning", "labels", factorial, {}),
    ("participation_ratio", "labels", alone, {}),
    ("participation_ratio", "within", sessions_alone, {"sessions": np.repeat([0, 1], 8)}),
    ("two_nn", "labels", alone, {}),
    ("space_folding", "labels", lambda rng: walk(rng, True), {}),
    ("space_folding", "within", lambda rng: walk(rng, False), {}),
    ("graph_convexity", "labels", classes, {"k": 4}),
    ("linear_probe", "labels", classes, {"model": "ridge", "n_folds": 2}),
    ("ccgp", "labels", factorial, {}),
    ("ccgp", "conditions", correlated_geometry, {}),
    ("ccgp", "rotation", random_geometry, {}),
]  # fmt: skip
"""(name, scheme, data without the relation, options)."""


def rejections(name: str, scheme: str, data: Any, options: dict[str, Any], count: int) -> dict[str, Any]:
    """One row: how often p <= 0.05, and in how many data sets ties were possible (p at its steps alone is 5 %)."""
    metric, rejected, began = name.split(",")[0], 0, time.process_time()
    # p of two sides is twice the smaller one: with 19 draws it could not be below 0.1
    draws = 39 if scale(metric).direction == "either" else 19
    for seed in range(count):
        given = data(np.random.default_rng([7, seed]))
        found = permutation_test(
            metric, *given, scheme=scheme, n_permutations=draws, rng=seed, progress=False, **options
        )
        rejected += found.p_value <= 0.05 + 1e-9
    share = rejected / count
    return {
        "score": name, "scheme": scheme, "data sets": count, "rejected": round(share, 4),
        "error": round(float(np.sqrt(share * (1 - share) / count)), 4), "cpu": round(time.process_time() - began, 1),
    }  # fmt: skip


def coded(rng: Rng, trials: int = 10) -> tuple[Any, ...]:
    """An imperfectly abstract code with noise."""
    fixed = np.random.default_rng(3).standard_normal((3, 8))
    means = SQUARE @ fixed[:2] + 0.7 * np.prod(SQUARE, axis=1)[:, None] * fixed[2]
    return np.repeat(means, trials, axis=0) + rng.standard_normal((4 * trials, 8)), np.repeat(SQUARE, trials, axis=0)


def related(rng: Rng, n: int = 40) -> tuple[Any, ...]:
    """Two representations that share a part."""
    shared = rng.standard_normal((n, 2))
    return tuple(np.hstack([shared, rng.standard_normal((n, 2))]) for _ in range(2))


def spread(rng: Rng, n: int = 40) -> tuple[Any, ...]:
    """Trials with few strong directions."""
    return (rng.standard_normal((n, 6)) * np.array([3.0, 2.0, 1.0, 1.0, 0.5, 0.5]),)


def grouped(rng: Rng) -> tuple[Any, ...]:
    """Trials of sessions that have a part in common."""
    return (np.repeat(rng.standard_normal((16, 5)), 4, axis=0) + rng.standard_normal((64, 5)),)


def paired(rng: Rng) -> tuple[Any, ...]:
    """Conditions seen in two representations."""
    return related(rng, 24)


def neurons(rng: Rng) -> tuple[Any, ...]:
    """Neurons of one population with a latent code of three dimensions."""
    latent = np.random.default_rng(4).standard_normal((30, 3))
    return (latent @ rng.standard_normal((3, 40)) + 0.5 * rng.standard_normal((30, 40)),)


def two_classes(rng: Rng) -> tuple[Any, ...]:
    """Classes that overlap."""
    return rng.standard_normal((40, 3)) + np.repeat([[0.0], [1.2]], 20, axis=0), np.repeat([0, 1], 20)


INTERVALS: list[tuple[str, str, Callable[[Rng], tuple[Any, ...]], dict[str, Any]]] = [
    ("parallelism_score", "trials", coded, {}),
    ("participation_ratio", "trials", spread, {}),
    ("participation_ratio", "neurons", neurons, {}),
    ("participation_ratio", "sessions", grouped, {"sessions": np.repeat(np.arange(16), 4)}),
    ("cka", "trials", related, {"debiased": True}),
    ("cka", "conditions", paired, {"debiased": True, "conditions": np.arange(24)}),
    ("procrustes", "trials", related, {}),
    ("rdm_correlation", "trials", related, {}),
    ("neural_collapse", "trials", two_classes, {}),
    ("neuron_tuning", "trials", coded, {}),
    ("linear_probe", "trials", two_classes, {"model": "ridge", "n_folds": 2}),
    ("ccgp", "trials", coded, {}),
]
"""(score, what is drawn anew, data, options)."""


def coverage(name: str, over: str, data: Any, options: dict[str, Any], count: int, resamples: int) -> dict[str, Any]:
    """One row: how often a 95 % interval holds the mean score of fresh data sets of the size."""
    began, limits, values = time.process_time(), [], []
    for seed in range(count):
        given = data(np.random.default_rng([8, seed]))
        found = bootstrap(name, *given, over=over, n_resamples=resamples, rng=seed, progress=False, **options)
        limits.append(found.interval)
        values.append(found.value)
    # the mean of the very values is that of fresh ones up to their standard error, which is far below an interval's length
    truth, ends = float(np.nanmean(values)), np.array(limits)
    held = float(np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1])))
    return {
        "score": name, "over": over, "data sets": count, "held": round(held, 4), "truth": round(truth, 4),
        "length": round(float(np.nanmean(ends[:, 1] - ends[:, 0])), 4), "cpu": round(time.process_time() - began, 1),
    }  # fmt: skip


def unrelated_cka(count: int) -> list[dict[str, Any]]:
    """CKA of independent Gaussians, 50 samples of 1,000 features: as it is, against chance, and above what chance reaches."""
    rows = []
    for debiased in (False, True):
        raw, adjusted, calibrated = [], [], []
        for seed in range(count):
            rng = np.random.default_rng([9, seed])
            A, B = rng.standard_normal((50, 1000)), rng.standard_normal((50, 1000))
            found = permutation_test("cka", A, B, debiased=debiased, n_permutations=99, rng=seed, progress=False)
            raw.append(found.observed[0])
            adjusted.append(found.adjusted[0])
            calibrated.append(found.calibrated[0])
        rows.append(
            {
                "form": "debiased" if debiased else "plain", "data sets": count, "raw": round(float(np.mean(raw)), 4),
                "adjusted": round(float(np.mean(adjusted)), 4), "spread": round(float(np.std(adjusted)), 4),
                "calibrated": round(float(np.mean(calibrated)), 4),
                "calibrated is 0": round(float(np.mean(np.array(calibrated) == 0.0)), 4),
            }
        )  # fmt: skip
    return rows


def main() -> None:
    """Print and save the tables."""
    args = arguments(
        __doc__,
        ("--only", {"default": "", "help": "scores whose name has this in it"}),
        ("--sets", {"type": int, "default": 1000, "help": "data sets of a test (default 1000)"}),
        ("--cover", {"type": int, "default": 400, "help": "data sets of an interval (default 400)"}),
    )
    sets, cover, resamples = (20, 5, 10) if args.quick else (args.sets, args.cover, 100)
    tests, held = [], []
    for case in TESTS:
        if args.only in case[0]:
            tests.append(rejections(*case, sets))
            print(tests[-1], flush=True)
    for case in INTERVALS:
        if args.only in case[0]:
            held.append(coverage(*case, cover, resamples))
            print(held[-1], flush=True)
    chance = unrelated_cka(2 if args.quick else 100)
    for rows in (tests, held, chance):
        if rows:
            print(table(list(rows[0]), [[str(value) for value in row.values()] for row in rows]))
    print(save(__file__, args, [*tests, *held, *chance], resamples=resamples))


if __name__ == "__main__":
    main()
