"""How often permutation tests of data without structure find one at 5 %, how often intervals hold the truth, and what CKA is.

Data sets are small, and drawn so that nothing but chance relates what is scored. With 19 draws (39 for two sides) a test at
5 % rejects in 5 % of them exactly, whatever the score, if no scores are equal. Equal scores of few values are ordered by a
finer number; beside that rate stand the one with ties counted as extreme, which is smaller, and the one with ties broken by
lot: that one is 5 % if and only if the draws are exchangeable with the data. Of n data sets a rate
of 5 % is known to sqrt(0.05 · 0.95 / n) (0.7 % of 1,000, 0.5 % of 2,000). The truth behind an interval is the mean score of
fresh data sets of the same size.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from harness import RESULTS, arguments, save, table

from relucvx.metrics import bootstrap, permutation_test, scale
from relucvx.metrics.nulls.p_values import corrected_p_values

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


def random_square(rng: Rng) -> tuple[Any, ...]:
    """Four conditions at random places."""
    return 2.0 * np.repeat(rng.standard_normal((4, 5)), 4, axis=0) + rng.standard_normal((16, 5)), FACTORS


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


def walk(rng: Rng) -> tuple[Any, ...]:
    """A walk of 60 crossings, each of one of 20 neurons drawn at random: their order is random, too."""
    steps = np.zeros((60, 20), dtype=bool)
    steps[np.arange(60), rng.integers(20, size=60)] = True
    return (np.vstack([np.zeros((1, 20), dtype=bool), np.cumsum(steps, axis=0) % 2 == 1]),)


def few_points(rng: Rng) -> tuple[Any, ...]:
    """Points of a plane, a handful of each condition, that have nothing to do with it."""
    return rng.standard_normal((12, 2)), np.repeat(np.arange(4), 3)


def trials(rng: Rng) -> tuple[Any, ...]:
    """Trials of four conditions that do not differ."""
    return rng.standard_normal((16, 3)), np.repeat(np.arange(4), 4)


EIGHT = np.repeat(np.arange(8), 2)
HEAD = np.array([[1.0, -1.0], [0.5, 0.0], [0.0, 1.0]]), np.array([0.2, 0.0])


TESTS: list[tuple[str, str, Callable[[Rng], tuple[Any, ...]], dict[str, Any]]] = [
    ("cka", "labels", similarity, {"debiased": True}),
    ("cka", "rotation", lambda rng: (rng.standard_normal((14, 3)) ** 3, rng.standard_normal((14, 4))), {"debiased": False}),
    ("cka", "conditions", lambda rng: tuple(np.repeat(Z, 2, axis=0) for Z in similarity(rng, 8)), {"conditions": EIGHT}),
    ("cka, best of 3 x 3 layers", "labels", layers, {}),
    ("cka, best of 12 x 12 layers", "labels", many_layers, {}),
    ("procrustes", "labels", similarity, {}),
    ("procrustes, best of 3 x 3 layers", "labels", layers, {}),
    ("rdm_correlation", "labels", similarity, {}),
    ("mutual_knn", "labels", lambda rng: similarity(rng, 30), {"k": 5}),
    ("neural_collapse", "labels", classes, {}),
    ("neural_collapse", "within", drifting, {"sessions": np.repeat([0, 1], 10)}),
    ("neural_collapse", "rotation", classes, {}),
    ("parallelism_score", "labels", factorial, {}),
    ("parallelism_score", "conditions", correlated_geometry, {}),
    ("parallelism_score", "rotation", random_geometry, {}),
    ("parallelism_score, per factor", "rotation", random_geometry, {"statistic": "per_factor"}),
    ("neuron_tuning", "labels", factorial, {}),
    ("graph_convexity", "labels", classes, {"k": 4}),
    ("euclidean_convexity", "labels", classes, {"predict": HEAD, "method": "exact"}),
    ("participation_ratio", "labels", alone, {}),
    ("participation_ratio", "within", sessions_alone, {"sessions": np.repeat([0, 1], 8)}),
    ("effective_rank", "labels", alone, {}),
    ("two_nn", "labels", alone, {}),
    ("space_folding", "labels", walk, {}),
    ("space_folding", "within", walk, {}),
    ("ccgp", "labels", factorial, {}),
    ("ccgp", "conditions", correlated_geometry, {}),
    ("ccgp", "rotation", random_square, {}),
    ("decoding_dimension", "labels", trials, {"n_folds": 2}),
    ("separability", "labels", few_points, {}),
    ("linear_probe", "labels", classes, {"model": "ridge", "n_folds": 2}),
]  # fmt: skip
"""(name, scheme, data without the relation, options); those that take longest last."""


def rejections(name: str, scheme: str, data: Any, options: dict[str, Any], sets: int, seed: int) -> dict[str, Any]:
    """One row: how often p <= 0.05 by default, with ties counted as extreme, and broken by lot."""
    metric, rates, began = name.split(",")[0], np.zeros(3), time.process_time()
    # p of two sides is twice the smaller one: with 19 draws it could not be below 0.1
    draws = 39 if scale(metric).direction == "either" else 19
    for count in range(sets):
        given = data(np.random.default_rng([seed, count]))
        found = permutation_test(
            metric, *given, scheme=scheme, n_permutations=draws, rng=count, progress=False, **options
        )
        counted = corrected_p_values(found.observed, found.null_values, found.alternative).min()
        rates += np.array([found.p_value, counted, found.randomised_p_value]) <= 0.05 + 1e-9
    shares = dict(zip(("rejected", "ties count", "ties by lot"), (rates / sets).tolist(), strict=True))
    return {
        "score": name, "scheme": scheme, "data sets": sets, **shares,
        "error": round(float(np.sqrt(0.05 * 0.95 / sets)), 4), "cpu": round(time.process_time() - began, 1),
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


def grouped(rng: Rng, sizes: Any = (3.0, 2.0, 1.0, 1.0, 0.5)) -> tuple[Any, ...]:
    """Trials of sessions that have a part in common, in few strong directions unless all are alike."""
    shared = rng.standard_normal((16, 5)) * np.array(sizes)
    return (np.repeat(shared, 4, axis=0) + rng.standard_normal((64, 5)),)


def grouped_alike(rng: Rng) -> tuple[Any, ...]:
    """The same in all directions alike: the participation ratio is near the largest it can be."""
    return grouped(rng, (1.0, 1.0, 1.0, 1.0, 1.0))


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
    ("participation_ratio, all directions alike", "sessions", grouped_alike, {"sessions": np.repeat(np.arange(16), 4)}),
    ("cka", "trials", related, {"debiased": True}),
    ("cka", "conditions", paired, {"debiased": True, "conditions": np.arange(24)}),
    ("procrustes", "trials", related, {}),
    ("rdm_correlation", "trials", related, {}),
    ("neural_collapse", "trials", two_classes, {}),
    ("neuron_tuning", "trials", coded, {}),
    ("linear_probe", "trials", two_classes, {"model": "ridge", "n_folds": 2}),
    ("ccgp", "trials", coded, {}),
    ("mutual_knn", "trials", related, {"k": 5}),
    ("graph_convexity", "trials", two_classes, {"k": 5}),
]
"""(score, what is drawn anew, data, options)."""


def coverage(name: str, over: str, data: Any, options: dict[str, Any], sets: int, resamples: int) -> dict[str, Any]:
    """One row: how often a 95 % interval holds the mean score of fresh data sets of the size."""
    metric, began, limits, values = name.split(",")[0], time.process_time(), [], []
    for seed in range(sets):
        given = data(np.random.default_rng([8, seed]))
        found = bootstrap(metric, *given, over=over, n_resamples=resamples, rng=seed, progress=False, **options)
        limits.append(found.interval)
        values.append(found.value)
    # the mean of the very values is that of fresh ones up to their standard error, which is far below an interval's length
    truth, ends = float(np.nanmean(values)), np.array(limits)
    held = float(np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1])))
    return {
        "score": name, "over": over, "data sets": len(values), "held": round(held, 4), "truth": round(truth, 4),
        "length": round(float(np.nanmean(ends[:, 1] - ends[:, 0])), 4), "cpu": round(time.process_time() - began, 1),
    }  # fmt: skip


def unrelated_cka(debiased: bool, sets: int) -> dict[str, Any]:
    """CKA of independent Gaussians, 50 samples of 1,000 features: as it is, against chance, and above what chance reaches."""
    raw, adjusted, calibrated, began = [], [], [], time.process_time()
    for seed in range(sets):
        rng = np.random.default_rng([9, seed])
        A, B = rng.standard_normal((50, 1000)), rng.standard_normal((50, 1000))
        found = permutation_test("cka", A, B, debiased=debiased, n_permutations=99, rng=seed, progress=False)
        raw.append(found.observed[0])
        adjusted.append(found.adjusted[0])
        calibrated.append(found.calibrated[0])
    return {
        "form": "debiased" if debiased else "plain", "data sets": sets, "raw": round(float(np.mean(raw)), 4),
        "adjusted": round(float(np.mean(adjusted)), 4), "spread": round(float(np.std(adjusted)), 4),
        "calibrated": round(float(np.mean(calibrated)), 4),
        "calibrated is 0": round(float(np.mean(np.array(calibrated) == 0.0)), 4), "cpu": round(time.process_time() - began, 1),
    }  # fmt: skip


KINDS = ("form", "scheme", "over")
"""What a row of each of the three tables has, besides its score, that tells it from others."""


def key(row: dict[str, Any]) -> tuple[str, ...]:
    """By what rows of two runs are the same one."""
    kind = next(kind for kind in KINDS if kind in row)
    return kind, str(row.get("score", "cka")), str(row[kind])


def tasks(
    sets: int, cover: int, resamples: int, seed: int = 7
) -> list[tuple[dict[str, Any], Callable[[], dict[str, Any]]]]:
    """Every row, as what is known of it before it is computed, and what computes it."""
    found: list[tuple[dict[str, Any], Callable[[], dict[str, Any]]]] = []
    for debiased in (False, True):
        known = {"form": "debiased" if debiased else "plain", "data sets": min(sets, 100)}
        found.append((known, lambda debiased=debiased: unrelated_cka(debiased, min(sets, 100))))  # type: ignore[misc]
    for case in TESTS:
        known = {"score": case[0], "scheme": case[1], "data sets": sets}
        found.append((known, lambda case=case: rejections(*case, sets, seed)))  # type: ignore[misc]
    for case in INTERVALS:
        known = {"score": case[0], "over": case[1], "data sets": cover}
        found.append((known, lambda case=case: coverage(*case, cover, resamples)))  # type: ignore[misc]
    return found


def main() -> None:
    """Print and save the tables, row by row; with ``--resume`` rows that are there already are not computed again."""
    args = arguments(
        __doc__,
        ("--only", {"default": "", "help": "scores whose name has this in it; other rows of the file stay"}),
        ("--sets", {"type": int, "default": 1000, "help": "data sets of a test (default 1000)"}),
        ("--cover", {"type": int, "default": 400, "help": "data sets of an interval (default 400)"}),
        ("--seed", {"type": int, "default": 7, "help": "of the data of tests: another one with --out (default 7)"}),
        ("--resume", {"action": "store_true", "help": "keep rows of the file that have as many data sets"}),
    )
    sets, cover, resamples = (20, 5, 10) if args.quick else (args.sets, args.cover, 100)
    every = tasks(sets, cover, resamples, args.seed)
    asked = [key(known) for known, _ in every if args.only in key(known)[1]]
    path = args.out or RESULTS / "nulls.json"
    there = path.exists() and not (args.quick and args.out is None)
    stored = {key(row): row for row in (json.loads(path.read_text())["rows"] if there else [])}
    if not args.resume:
        stored = {name: row for name, row in stored.items() if name not in asked}

    for known, work in every:
        name = key(known)
        if name not in asked or stored.get(name, {}).get("data sets", 0) >= known["data sets"]:
            continue
        stored[name] = work()
        print(stored[name], flush=True)
        # written row by row: what is there when somebody stops it stays
        rows = [stored[key(one)] for one, _ in every if key(one) in stored]
        print(save(__file__, args, rows, resamples=resamples), flush=True)
    rows = [stored[key(one)] for one, _ in every if key(one) in stored]
    for kind in KINDS:
        chosen = [row for row in rows if kind in row]
        if chosen:
            print(table(list(chosen[0]), [[str(value) for value in row.values()] for row in chosen]))
    print(f"{sum(row.get('cpu', 0.0) for row in rows):.0f} CPU seconds in all")


if __name__ == "__main__":
    main()
