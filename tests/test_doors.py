"""Every public function that takes data answers every kind of argument with a right result or one of our own errors.

The table DOORS has an entry for each public function: a small call that works. Each of its arguments is replaced by each bad
value in turn; anything but a result or a RelucvxError (a raw exception, a warning) fails.
"""

import dataclasses
import inspect
import itertools
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from shown import HELD, assert_drawn, assert_shown, results_in
from sklearn.neural_network import MLPRegressor

import relucvx as rx
from relucvx import datasets, kernel, metrics
from relucvx.errors import RelucvxError
from relucvx.program import conventions

RNG = np.random.default_rng(0)
X = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5], [0.5, -1.0], [2.0, 1.0], [1.0, -2.0]])
Y = np.array([1.0, -1.0, 0.5, 2.0, -0.5, 0.0])
LABELS = np.array([0, 1, 0, 1, 0, 1])
FACTORS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
NETWORK = rx.TwoLayerReLU(np.array([[1.0, 0.5], [-1.0, 1.0]]), np.array([1.0, -1.0]))
DEEP = rx.DeepNetwork([np.array([[1.0, 0.5], [-1.0, 1.0]]), np.array([[1.0, 2.0], [1.0, -1.0]]), np.ones((2, 1))])
BRANCHES = rx.ParallelReLU([[[1.0, 0.5], [-1.0, 1.0]]], [[1.0, -1.0]], [0.5])
KERNEL = np.eye(4) + 0.5
SIGNS = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
EYE = np.eye(4)


def solved():
    """A small certified optimum."""
    return rx.solve(X, Y, 0.5)


def arrangement():
    """All patterns of the small data."""
    return rx.enumerate_patterns(X)


def program():
    """The convex program of the small data."""
    return rx.ConvexProgram(X, Y, beta=0.5, arrangement=arrangement())


def attention():
    torch = pytest.importorskip("torch")
    return torch.nn.TransformerEncoderLayer(4, 2, 4, batch_first=True)


def frame():
    """A profile of one layer or two."""
    return metrics.profile(DEEP, X, LABELS, metrics=["participation_ratio", "linear_probe"])


def recorded(neurons=3):
    """Three trials of each of four conditions in a few neurons."""
    responses = np.random.default_rng(0).standard_normal((12, neurons))
    return rx.Recording(responses, factors={"side": [0, 0, 1, 1] * 3, "cue": [0, 1] * 6})


def slices():
    """The regions of a triangle."""
    return metrics.slice_regions(DEEP, [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


def fitted_mlp():
    """A small MLP of scikit-learn, fitted to the end."""
    return MLPRegressor(hidden_layer_sizes=2, solver="lbfgs", alpha=5.0, max_iter=1000, random_state=0).fit(X, Y)


LINE = {"module": DEEP, "start": [-1.0, -1.0], "end": [1.0, 2.0]}
TASK = {
    "X": X,
    "Y": Y,
    "beta": 0.5,
    "loss": "squared",
    "bias": "none",
    "activation": "relu",
    "sample_weight": np.ones(6),
}
FAST = {"tol": 1e-6, "time_limit": 20.0, "rng": 0}


def trials():
    """A file of a small recording."""
    Path("trials.csv").write_text("side,x,y\nu,1,2\nv,3,1\nu,2,5\nv,0,1\n")
    return "trials.csv"


def table():
    """A file of a small table."""
    Path("table.csv").write_text("a,b,kind\n1,2,u\n3,1,v\n2,5,u\n0,1,v\n")
    return "table.csv"


def without(options, *names):
    """Options but these."""
    return {name: value for name, value in options.items() if name not in names}


DOORS = {
    rx.solve: lambda: {**TASK, **FAST, "solver": "auto", "start": NETWORK, "callback": None, "n_jobs": 1, "executor": None,
        "backend": None, "progress": "auto", "verbose": False,
    },
    rx.interpolate: lambda: {"X": X[:2], "Y": Y[:2], "bias": "none", "activation": "relu", **FAST},
    rx.optimal_set: lambda: {"solution": solved(), "time_limit": 5.0, "rng": 0},
    rx.kernel_range: lambda: {"solution": solved(), "M": np.eye(6), "delta": 0.01, "time_limit": 5.0, "rng": 0},
    rx.kernel_suboptimality: lambda: {
        "solution": solved(), "K": np.eye(6), "radius": 0.01, "baseline": "kept", "time_limit": 5.0,
    },
    rx.kernel_statistic: lambda: {
        "solution": solved(), "statistic": "outside", "basis": np.ones((6, 1)), "labels": None, "factors": None,
        "reference": None, "delta": 0.01, "time_limit": 5.0, "rng": 0,
    },
    rx.certify: lambda: {
        "network": NETWORK, **TASK, "dual": Y * 0.1, "tol": 1e-6, "method": "auto", "time_limit": 5.0,
        "n_jobs": 1, "executor": None,
    },
    rx.beta_max: lambda: {**without(TASK, "beta"), "time_limit": 5.0, "n_jobs": 1, "executor": None},
    rx.beta_path: lambda: {**without(TASK, "beta"), "betas": [1.0], **FAST, "n_jobs": 1, "executor": None},
    rx.beta_band: lambda: {
        **without(TASK, "beta"), "lo": 0.3, "hi": 1.0, "tol": 0.05, "time_limit": 20.0, "callback": None, "rng": 0, "n_jobs": 1,
        "executor": None, "resume": None,
    },
    rx.solve_parallel: lambda: {
        "X": X[:, :1], "Y": Y, "beta": 0.5, "loss": "squared", "bias": "none", "sample_weight": np.ones(6), "tol": 1e-4,
        "time_limit": 5.0, "rng": 0,
    },
    rx.certify_parallel: lambda: {
        "network": BRANCHES, "X": X, "Y": Y, "beta": 0.5, "dual": Y, "loss": "squared", "bias": "all", "tol": 1e-2,
        "time_limit": 1.0,
    },
    rx.for_each: lambda: {"function": rx.solve, "items": [rx.make_problem(X, Y, 0.5)], "executor": None, "n_jobs": 1},
    rx.sweep: lambda: {
        "data": (X, Y), "beta_fraction": [0.5], "beta": None, "loss": ["squared"], "bias": "none", "activation": "relu",
        "width": [2], "seeds": [0], "training": {"optimizer": "adam", "max_steps": 2}, "out": None, "tol": 1e-4,
        "time_limit": 5.0, "callback": None, "progress": False, "executor": None, "n_jobs": 1, "dry_run": True,
    },
    rx.load_sweep: lambda: {"out": "nowhere"},
    rx.load: lambda: {"path": "nowhere.npz"},
    rx.predict: lambda: {
        "solution": solved(), "rows": X, "delimiter": None, "decimal": None, "header": None, "encoding": None,
    },
    rx.kernel_curve: lambda: {
        "band": rx.beta_band(X, Y, 0.5, 1.0, tol=0.1), "M": np.eye(6), "delta": 0.01, "time_limit": 5.0, "rng": 0,
    },
    rx.cite: lambda: {"what": "svd-shrinkage"},
    rx.load_band: lambda: {"path": "nowhere.npz"},
    rx.write_proof: lambda: {
        "solution": solved(), "path": "proof.json", "room": 1e-3, "max_cones": 1000, "time_limit": 5.0,
    },
    rx.check_proof: lambda: {"path": "nowhere.json"},
    rx.enumerate_patterns: lambda: {"X": X, "max_patterns": 1000},
    rx.sample_patterns: lambda: {"X": X, "n_patterns": 4, "rng": 0},
    rx.count_patterns: lambda: {"n_samples": 5, "rank": 2},
    rx.make_problem: lambda: TASK,
    rx.doubly_nonnegative_bound: lambda: {"problem": rx.make_problem(X, Y, 0.5), "backend": "CLARABEL", "time_limit": 5.0},
    rx.nuclear_norm_bound: lambda: {"problem": rx.make_problem(X, Y, 0.5), "backend": "CLARABEL", "time_limit": 5.0},
    rx.recover_network: lambda: {"program": program(), "primal": rx.lift_network(solved().network, program())},
    rx.lift_network: lambda: {"net": solved().network, "program": program()},
    rx.balance: lambda: {"net": NETWORK},
    rx.merge: lambda: {"net": NETWORK, "tol": 1e-9},
    rx.prune: lambda: {"net": NETWORK, "X": X},
    rx.from_sklearn: lambda: {"mlp": fitted_mlp()},
    rx.ConvexReLURegressor: lambda: {"beta": 0.5, "loss": "squared"},
    rx.ConvexReLUClassifier: lambda: {"beta": 0.5, "loss": "hinge"},
    rx.ConvexReLUPathCV: lambda: {"estimator": None, "betas": 3},
    rx.from_torch: lambda: {"module": rx.to_torch(NETWORK)},
    rx.to_torch: lambda: {"net": NETWORK},
    rx.train: lambda: {
        **TASK, "width": 2, "seeds": [0], "optimizer": "adam", "learning_rate": 0.01, "momentum": 0.0, "batch_size": 3,
        "init_scale": 1.0, "max_steps": 2, "tol": 1e-6, "depth": 2, "dtype": "float64", "device": "cpu", "p_star": 0.1,
        "record_every": 1, "record": None, "n_jobs": 1, "executor": None,
    },
    rx.compare: lambda: {
        **TASK, "runs": [NETWORK], "labels": LABELS, "factors": np.column_stack([LABELS, [0, 0, 1, 1, 0, 1]]),
        "solution": None, "reach": 1e-4, **{name: value for name, value in FAST.items() if name != "rng"},
    },
    rx.representation_kernel: lambda: {"network": NETWORK, "X": X, "layer": -1},
    metrics.bootstrap: lambda: {
        "metric": "parallelism_score", "Z": np.vstack([SIGNS, SIGNS + 0.1]), "other": np.vstack([FACTORS, FACTORS]),
        "over": "trials", "method": None, "statistic": None, "of": None, "conditions": None, "sessions": None, "n_resamples": 3,
        "confidence": 0.9, "rng": 0, "time_limit": 5.0, "n_jobs": 1, "callback": None, "progress": "auto",
    },
    metrics.ccgp: lambda: {"Z": SIGNS + 0.1, "factors": FACTORS, "kernel": None, "C": 1.0},
    metrics.cka: lambda: {
        "Z1": X, "Z2": X**2, "kernel": "linear", "bandwidth": None, "kernel1": None, "kernel2": None, "debiased": None,
    },
    metrics.class_folding: lambda: {
        "module": DEEP, "X": X, "labels": LABELS, "n_pairs": 2, "centroids": None, "layers": None, "neurons": None, "rng": 0,
    },
    metrics.condition_averages: lambda: {"Z": X, "conditions": LABELS},
    metrics.crossnobis: lambda: {"recording": recorded(), "noise": "folds", "shrinkage": "diagonal", "n_folds": 3},
    metrics.cut_and_refit: lambda: {
        "module": DEEP, "X": X, "labels": LABELS, "X_test": X, "labels_test": LABELS, "layer": "hidden 0",
        "rule": "convexity_peak", "slack": 0.01, "classes": [0, 1], "C": 1.0, "margin": 0.01, "confidence": 0.9, "k": 2,
        "n_pairs": 3, "max_samples": 6, "batch_size": 4, "rng": 0,
    },
    metrics.forecast: lambda: {
        "before": DEEP, "after": DEEP, "X": X, "labels": LABELS, "X_test": X, "labels_test": LABELS, "layers": None,
        "classes": [0, 1], "k": 2, "n_pairs": 3, "confidence": 0.9, "n_resamples": 2, "batch_size": 4, "rng": 0,
    },
    metrics.holm: lambda: {"p_values": [0.01, 0.2]},
    metrics.cover_count: lambda: {"n": 4, "d": 2, "bias": True},
    metrics.decoding_dimension: lambda: {
        "Z": X, "conditions": LABELS, "folds": [0, 0, 1, 1, 2, 2], "balanced": False, "threshold": 0.75,
        "n_dichotomies": 2, "C": 1.0, "rng": 0,
    },
    metrics.dichotomies: lambda: {
        "recording": recorded(), "n_permutations": 1, "n_folds": 2, "n_dichotomies": 2, "C": 1.0, "rng": 0,
        "time_limit": 5.0, "n_jobs": 1, "callback": None, "progress": False,
    },
    metrics.effective_rank: lambda: {"Z": X, "kernel": None, "centred": True},
    metrics.epairs: lambda: {
        "recording": recorded(8), "n_dimensions": 2, "neighbours": 2, "n_draws": 9, "rng": 0, "time_limit": 5.0,
    },
    metrics.erp: lambda: {
        "recording": recorded(8), "n_dimensions": 2, "n_projections": 3, "n_draws": 9, "rng": 0, "time_limit": 5.0,
    },
    metrics.euclidean_convexity: lambda: {
        "Z": X, "labels": LABELS, "predict": lambda points: (points[:, 0] > 0).astype(int), "n_pairs": 3, "n_points": 2,
        "method": "sampled", "rng": 0, "classes": [0, 1], "confidence": None, "n_permutations": 0,
    },
    metrics.attention_convexity: lambda: {
        "module": attention(), "X": np.ones((6, 3, 4)) * np.arange(6)[:, None, None], "layer": "self_attn", "query": "cls",
        "n_pairs": 2, "n_points": 2, "max_samples": 6, "rng": 0,
    },
    metrics.few_shot_matrix: lambda: {"Z": X, "labels": LABELS, "m": 1, "form": "exact"},
    metrics.few_shot_snr: lambda: {"Z_a": X[:3], "Z_b": X[3:], "m": 1, "form": "exact"},
    metrics.folding: lambda: {
        **LINE, "layers": None, "symmetric": False, "method": "exact", "n_steps": 5, "neurons": None, "arithmetic": "float",
        "input_shape": None, "route": "auto",
    },
    metrics.folding_curve: lambda: {
        "module": DEEP, "path": [[-1.0, -1.0], [1.0, 2.0], [0.0, 1.0]], "layers": None, "symmetric": False, "method": "exact",
        "n_steps": 5, "neurons": None, "arithmetic": "float", "input_shape": None,
        "route": "auto",
    },
    metrics.graph_convexity: lambda: {
        "Z": X, "labels": LABELS, "k": 2, "n_pairs": 3, "rng": 0, "ties": "first", "confidence": None, "n_permutations": 0,
        "n_resamples": 2,
    },
    metrics.hamming_convex: lambda: {"codes": [[0, 1], [1, 1]], "observable": None},
    metrics.input_map: lambda: {"module": DEEP, "code": [1, 0, 1, 0], "input_shape": None},
    metrics.largest_folding: lambda: {
        "module": DEEP, "start": X, "end": None, "n_segments": 3, "layers": None, "neurons": None, "rng": 0,
    },
    metrics.layer_activations: lambda: {
        "module": DEEP, "X": X, "layers": None, "tokens": "mean", "pool": "max", "mask": None, "project": 16,
        "batch_size": 4, "rng": 0, "progress": False,
    },
    metrics.layer_similarity: lambda: {"layers1": [X, X**2], "layers2": None, "metric": "cka"},
    metrics.line_regions: lambda: {
        **LINE, "layers": None, "neurons": None, "arithmetic": "float", "input_shape": None, "route": "auto",
    },
    metrics.linear_probe: lambda: {
        "Z": X, "labels": LABELS, "Z_test": X, "labels_test": LABELS, "model": "ridge", "n_folds": 2, "C": 1.0,
    },
    metrics.linear_separation: lambda: {"Z": X, "sides": LABELS, "bias": True},
    metrics.measure: lambda: {
        "recording": recorded(8), "n_permutations": 1, "n_resamples": 2, "rng": 0, "time_limit": 20.0, "n_jobs": 1,
        "callback": None, "progress": False,
    },
    metrics.mutual_knn: lambda: {"Z1": X, "Z2": X**2, "k": 2, "normalise": True},
    metrics.neural_collapse: lambda: {
        "Z": X, "labels": LABELS, "weights": np.array([[1.0, 0.0], [0.0, 1.0]]), "bias": np.zeros(2), "classes": [0, 1],
    },
    metrics.neuron_tuning: lambda: {"Z": SIGNS + 0.1 * X[:4], "factors": FACTORS},
    metrics.noise_ceiling: lambda: {"rdms": [1 - EYE, 2 - 2 * EYE], "method": "cosine"},
    metrics.noise_covariance: lambda: {"recording": recorded(), "shrinkage": "diagonal"},
    metrics.noise_corrected_kernel: lambda: {"Z": X, "conditions": LABELS, "repeats": [0, 0, 1, 1, 2, 2]},
    metrics.numerical_rank: lambda: {"Z": X, "kernel": None, "centred": True, "tolerance": None, "spectrum": "singular"},
    metrics.parallelism_score: lambda: {"Z": SIGNS, "factors": FACTORS, "kernel": None},
    metrics.participation_ratio: lambda: {"Z": X, "kernel": None, "centred": True},
    metrics.permutation_test: lambda: {
        "metric": "linear_probe", "Z": X, "other": LABELS, "scheme": "labels", "statistic": None, "of": None,
        "conditions": None, "sessions": None, "n_permutations": 3, "alternative": None, "confidence": 0.9, "rng": 0,
        "time_limit": 5.0, "n_jobs": 1, "callback": None, "progress": "auto", "n_folds": 2,
    },
    metrics.plot_profile: lambda: {"frame": frame()},
    metrics.plot_slice: lambda: {"regions": slices(), "color": "region", "points": [[0.1, 0.1]], "names": ["a"]},
    metrics.procrustes: lambda: {"Z1": X, "Z2": X**2, "scale": True},
    metrics.profile: lambda: {
        "module": DEEP, "X": X, "labels": LABELS, "factors": None, "metrics": ["participation_ratio"], "layers": None,
        "classes": None, "k": 2, "n_pairs": 3, "n_lines": 2, "max_samples": 6, "batch_size": 4, "rng": 0,
        "tokens": "cls", "pool": "none", "mask": None, "project": "auto",
    },
    metrics.rdm_correlation: lambda: {"Z1": X, "Z2": X**2, "distance": "euclidean", "method": "spearman"},
    metrics.sampled_codes: lambda: {"module": DEEP.to_torch(), "X": X, "layers": None, "batch_size": 4},
    metrics.scale: lambda: {"metric": "ccgp"},
    metrics.separability: lambda: {
        "Z": X, "conditions": [0, 0, 1, 1, 2, 2], "balanced": False, "bias": True, "n_dichotomies": 3, "confidence": 0.95,
        "rng": 0,
    },
    metrics.linear_regions: lambda: {"module": DEEP, "merge": "map", "most": 500, "input_shape": None},
    metrics.slice_regions: lambda: {
        "module": DEEP, "polygon": [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], "origin": None, "axes": None, "extent": None,
        "layers": None, "merge": "code", "input_shape": None, "route": "auto",
    },
    metrics.space_folding: lambda: {"codes": [[0, 1], [1, 1]], "symmetric": False},
    metrics.suggested_cut: lambda: {"frame": frame(), "slack": 0.01},
    metrics.two_nn: lambda: {"Z": RNG.normal(size=(20, 2)), "method": "mle", "discard": None, "confidence": 0.95},
    kernel.edge_class_network: lambda: {"nodes": 4, "beta": 0.1, "depth": 5},
    kernel.energy: lambda: {"K_X": EYE, "K_Y": KERNEL, "beta": 0.5, "H": np.ones((4, 1)), "activation": "relu"},
    kernel.factorial_network: lambda: {"X": EYE, "Y": SIGNS, "beta": 0.1},
    kernel.factorial_rotation_network: lambda: {"X": EYE, "Y": SIGNS, "beta": 0.1, "R": np.eye(2)},
    kernel.first_variation: lambda: {
        "h": np.ones(4), "K_X": EYE, "K_Y": KERNEL, "beta": 0.5, "K": KERNEL, "activation": "relu",
    },
    kernel.kernel_distance: lambda: {"K": KERNEL, "reference": EYE},
    kernel.minimize_energy: lambda: {
        "K_X": EYE, "Y": SIGNS, "beta": 0.5, "activation": "relu", "width": 2, "rng": 0, "n_starts": 1, "max_steps": 2,
    },
    kernel.optimal_family: lambda: {"Y": SIGNS, "beta": 0.1, "x0": 1.0, "x1": 0.0, "X": None},
    kernel.optimal_readout: lambda: {"Phi": EYE, "Y": SIGNS, "beta": 0.1},
    kernel.preactivation_certificate: lambda: {
        "K_X": EYE, "K_Y": KERNEL, "beta": 0.5, "K": KERNEL, "activation": "relu", "rng": 0, "n_starts": 2,
    },
    kernel.predict: lambda: {"X": EYE, "Y": SIGNS, "beta": 0.1, "bias": "none", "activation": "relu"},
    kernel.predict_deep_linear: lambda: {"Y": SIGNS, "beta": 0.1, "depth": 3, "X": EYE},
    kernel.predict_deep_one_hot: lambda: {"labels": [0, 0, 1, 1], "beta": 0.1, "depth": 3, "X": EYE},
    kernel.predict_factorial: lambda: {"Y": SIGNS, "beta": 0.1, "x0": 1.0, "x1": 0.0, "x2": 0.0, "X": None},
    kernel.predict_one_hot: lambda: {"labels": [0, 0, 1, 1], "beta": 0.1, "X": EYE},
    kernel.predict_scalar: lambda: {"y": Y[:4], "beta": 0.1, "X": EYE},
    kernel.predict_svd: lambda: {"Y": SIGNS, "beta": 0.1, "X": EYE},
    kernel.spectrum: lambda: {"K": KERNEL},
    kernel.spike_free: lambda: {"X": EYE},
    kernel.whitened: lambda: {"X": EYE, "tol": 1e-9},
    datasets.cantor_function: lambda: {"x": [0.1, 0.5], "k": 2},
    datasets.cantornet: lambda: {"k": 2, "representation": "recursive"},
    datasets.class_labels: lambda: {"sizes": (2, 2), "d": None, "rng": 0},
    datasets.degenerate_bank: lambda: {"extreme": False},
    datasets.factorial: lambda: {"d_Y": 2, "repeats": 1, "x0": 1.0, "x1": 0.0, "x2": 0.0, "rng": 0},
    datasets.factorial_kernel: lambda: {"Y": SIGNS, "x0": 1.0, "x1": 0.0, "x2": 0.0},
    datasets.get: lambda: {"name_or_path": "planted:5x2", "rng": 0},
    datasets.graphs: lambda: {"n": 4, "d": 2, "nodes": (2, 4), "noise": 0.0, "rng": 0},
    datasets.images: lambda: {"classes": (3, 8), "one_hot": None},
    datasets.inputs_from_kernel: lambda: {"K": KERNEL, "rng": 0},
    datasets.load: lambda: {
        "name": "iris", "standardize": True, "one_vs_rest": 0, "components": 2, "one_hot": None, "standardize_target": True,
    },
    datasets.load_idx: lambda: {"folder": "nowhere", "part": "train", "n_samples": None, "scale": True},
    datasets.planted: lambda: {"n": 5, "d": 2, "width": 2, "noise": 0.1, "rng": 0, "n_outputs": 1},
    datasets.read_table: lambda: {
        "path": table(), "target": None, "columns": None, "drop": None, "delimiter": None, "decimal": None, "header": None,
        "encoding": None, "classes": None, "one_vs_rest": None, "one_hot": None, "standardize": False, "components": None,
        "groups": None, "x_key": None, "y_key": None,
    },
    datasets.sawtooth: lambda: {"depth": 2},
    datasets.sequences: lambda: {"n": 4, "length": 6, "window": 3, "noise": 0.3, "rng": 0},
    datasets.spiral: lambda: {"n": 6, "noise": 0.0, "rng": 0, "turns": 1.0},
    datasets.standardize_columns: lambda: {"X": X},
    datasets.suggest_beta: lambda: {"X": X, "Y": Y},
    datasets.whitened: lambda: {"n": 3, "d": 4, "rng": 0, "n_outputs": 1},
    conventions.from_mean_loss: lambda: {"beta": 0.1, "n": 5},
    conventions.to_mean_loss: lambda: {"beta": 0.1, "n": 5},
    conventions.from_mean_squared_error: lambda: {"decay": 0.1, "n": 5},
    conventions.from_sum_of_squares: lambda: {"lam": 0.1},
    conventions.from_sklearn_alpha: lambda: {"alpha": 0.1, "n": 5, "batch_size": 2},
    conventions.to_sklearn_alpha: lambda: {"beta": 0.1, "n": 5, "batch_size": 2},
    conventions.to_torch_weight_decay: lambda: {"beta": 0.1, "n": 5, "reduction": "mean", "halved": False},
    conventions.from_torch_weight_decay: lambda: {"weight_decay": 0.1, "n": 5, "reduction": "mean", "halved": False},
    rx.PooledReLU: lambda: {
        "weights_in": np.array([[1.0, 0.5], [-1.0, 1.0]]), "weights_out": np.ones((2, 1, 1)), "bias_in": np.ones(2),
        "bias_out": [0.5], "activation": "relu", "scalar_output": True, "pooling": "mean",
    },
    rx.patches: lambda: {"images": np.ones((2, 3, 3)), "size": 2, "stride": 1, "padding": 0},
    rx.TwoLayerReLU: lambda: {
        "weights_in": np.ones((2, 2)), "weights_out": np.ones(2), "bias_in": np.ones(2), "bias_out": None,
        "activation": "relu", "scalar_output": True,
    },
    rx.ParallelReLU: lambda: {
        "weights_in": np.ones((3, 2, 2)), "weights_mid": np.ones((3, 2)), "weights_out": np.ones(3),
        "bias_in": np.zeros((3, 2)), "bias_out": 1.0,
    },
    rx.DeepNetwork: lambda: {"weights": [np.ones((2, 2)), np.ones((2, 1))], "biases": None, "activation": "relu"},
    rx.ConvexProgram: lambda: {**TASK, "arrangement": arrangement()},
    rx.InterpolationProgram: lambda: {
        "X": X[:2], "Y": EYE[:2, :2], "bias": "none", "activation": "relu", "arrangement": rx.enumerate_patterns(X[:2]),
    },
    rx.GatedRelaxation: lambda: {"problem": rx.make_problem(X, Y, 0.5), "arrangement": arrangement()},
    datasets.recording: lambda: {
        "kind": "mixed", "n_trials": 8,
        "n_neurons": 3, "n_factors": 2, "noise": 1.0, "n_sessions": 1, "n_times": None, "rng": 0,
    },
    datasets.read_recording: lambda: {"path": trials(), "condition": "side", "factors": None, "session": None, "repeat": None,
        "time": None, "trial": None, "neurons": ["x"], "responses": None,
    },
    datasets.Dataset: lambda: {"name": "mine", "X": X, "Y": Y, "labels": LABELS, "feature_names": ("a", "b")},
    metrics.Recording: lambda: {
        "responses": X, "factors": {"side": LABELS}, "condition": LABELS, "session": [0, 0, 1, 1, 1, 1],
        "repeat": [0, 0, 1, 1, 2, 2], "time": None, "neurons": ["a", "b"], "name": "mine",
    },
    metrics.RegionTracker: lambda: {
        "module": rx.to_torch(NETWORK), "X": X, "labels": LABELS, "every": 1, "mode": "lines", "n_segments": 2, "rng": 0,
    },
}  # fmt: skip

NO_DATA = {datasets.available, datasets.textbook_instances, rx.warm_up}
"""Public functions without arguments, but for a callback."""

MADE_BY_US = {
    rx.BetaBand, rx.BetaPath, rx.ParallelSolution,
    rx.KernelCurve, rx.KernelRange, rx.StatisticRange,
    rx.Solution, rx.Certificate, rx.OptimalSet, rx.Arrangement, rx.Problem, rx.Relaxation, rx.Comparison, rx.Uniqueness,
    rx.CheckedProof, rx.Citation, rx.Sweep, rx.Predictions, datasets.Preparation,
    rx.WarmUp, rx.Status, rx.Scope, rx.RelucvxError, rx.Interrupted, rx.ScaleWarning, datasets.TextbookInstance,
    kernel.EnergyMinimum,
    kernel.OptimalFamily,
    kernel.PreactivationCertificate, kernel.Prediction, kernel.SpikeFree,
}  # fmt: skip
"""Public classes whose objects come out of the package, not in; so do all classes of metrics but these two."""


class Strange:
    """An object that fails when numpy asks it for an array."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array today")


BAD = {
    "none": lambda: None,
    "text": lambda: "text",
    "number as text": lambda: "12",
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "minus one": lambda: -1,
    "a half": lambda: 0.5,
    "true": lambda: True,
    "complex": lambda: 1j,
    "objects": lambda: np.array([[1, None], ["a", 2.0]], dtype=object),
    "mapping": lambda: {"a": 1},
    "set": lambda: {1.0, 2.0},
    "generator": lambda: (x for x in (1.0, 2.0)),
    "0-d array": lambda: np.array(1.0),
    "empty array": lambda: np.zeros((0, 2)),
    "empty list": list,
    "ragged": lambda: [[1.0, 2.0], [3.0]],
    "complex array": lambda: np.ones((6, 2), complex),
    "dates": lambda: np.array(["2020-01-01", "NaT"], "datetime64[ns]"),
    "structured": lambda: np.zeros(6, dtype=[("a", float), ("b", int)]),
    "words": lambda: np.array(["a", "b", "NA", "a", "b", "a"]),
    "meta tensor": lambda: torch.ones(6, 2, device="meta"),
    "complex tensor": lambda: torch.ones(6, 2, dtype=torch.complex64),
    "sparse matrix": lambda: scipy.sparse.csr_matrix(np.eye(3)),
    "pandas NA": lambda: pd.NA,
    "strange object": Strange,
    "function": lambda: len,
    "masked": lambda: [1.0, np.ma.masked, 2.0, 3.0, 4.0, 5.0],
    "long text in a list": lambda: ["1.0", 2.0, None],
}


TAKE_FUNCTIONS = ("function", "callback", "metric", "record", "predict", "activation")
"""Arguments for which a function is no bad value."""


def public_functions():
    """The functions of the modules whose names users call."""
    modules = {module: module.__all__ for module in (metrics, kernel, datasets)}
    found = [getattr(module, name) for module, names in modules.items() for name in names]
    found += [getattr(rx, name) for name in rx.__all__]
    found += [f for _, f in inspect.getmembers(conventions, inspect.isfunction) if f.__module__ == conventions.__name__]
    return {f for f in found if callable(f) and not getattr(f, "__name__", "_").startswith("_")}


def test_every_public_function_has_an_entry():
    results = {f for f in public_functions() if inspect.isclass(f) and f.__module__.startswith("relucvx.metrics")}
    expected = public_functions() - NO_DATA - MADE_BY_US - (results - {metrics.Recording, metrics.RegionTracker})
    assert {f.__name__ for f in expected ^ set(DOORS)} == set()


def test_whoever_tells_how_far_it_is_can_show_it():
    tellers = {f: inspect.signature(f).parameters for f in public_functions() if not inspect.isclass(f)}
    tellers = {f: names for f, names in tellers.items() if "callback" in names}
    assert len(tellers) > 8
    silent = {f.__name__ for f, names in tellers.items() if getattr(names.get("progress"), "default", None) != "auto"}
    assert silent == {"train"}, "which takes it among its options"


def called(door, arguments):
    """The result, with iterators run to their end, and figures closed."""
    try:
        out = door(**arguments)
        return list(out) if isinstance(out, Iterator) else out
    finally:
        plt.close("all")


def name_of(door):
    """How a door is called in a test's name."""
    return f"{door.__module__.removeprefix('relucvx.')}.{door.__name__}"


OPEN_OPTIONS = ("sample_weight", "learning_rate", "schedule", "batch_size", "max_steps", "tol")
"""Among the options that a door hands on: those for which None stands for a default."""

NEED_FILES = (rx.load, rx.load_band, rx.load_sweep, rx.check_proof, datasets.load_idx)
WORKS = [d for d in DOORS if d not in NEED_FILES]


@pytest.mark.parametrize("door", WORKS, ids=name_of)
def test_the_entries_work_and_show_what_they_find(door, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some of them write
    found = results_in(called(door, DOORS[door]()))
    for result in found.values():
        assert_shown(result)
    held = {kind.__name__: result for kind, result in found.items()}
    for name in HELD.get(door, "").split():
        assert_drawn(held[name])


@pytest.mark.parametrize("door", DOORS, ids=name_of)
def test_bad_values_are_refused_or_answered(door, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good, raw = DOORS[door](), []
    parameters = inspect.signature(door).parameters
    for argument, (kind, make) in itertools.product(good, BAD.items()):
        optional = parameters[argument].default is None if argument in parameters else argument in OPEN_OPTIONS
        if kind == "none" and optional and argument not in ("Y", "beta"):  # these a problem may hold, an array not
            continue
        if kind == "function" and argument in TAKE_FUNCTIONS:
            continue
        try:
            called(door, {**good, argument: make()})
        except RelucvxError:
            continue
        except Exception as error:  # noqa: BLE001
            raw.append(f"{argument} = {kind}: {type(error).__name__}: {str(error)[:150]}")
    assert raw == []


def sized(value, by):
    """Arrays of real numbers and recordings in another unit, as far as they are floats there; None for anything else."""
    within = np.finfo(float).max
    if isinstance(value, metrics.Recording):
        with np.errstate(over="ignore"):
            return dataclasses.replace(value, responses=np.clip(value.responses * by, -within, within))
    if isinstance(value, str) or not isinstance(value, (list, tuple, np.ndarray)):
        return None
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    if array.dtype.kind != "f" or array.size < 2:
        return None
    with np.errstate(over="ignore"):
        return np.clip(array * by, -within, within)


@pytest.mark.filterwarnings(
    "ignore:(overflow|invalid value|divide by zero):RuntimeWarning"
)  # numpy's own, of infinities
@pytest.mark.parametrize("door", WORKS, ids=name_of)
def test_numbers_of_any_size_are_refused_or_answered(door, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good, raw = DOORS[door](), []
    for argument, by in itertools.product(good, (1e-308, 1e-200, 1e200, 1e308)):
        try:
            value = sized(good[argument], by)
            if value is not None:
                called(door, {**DOORS[door](), argument: value})
        except RelucvxError:
            continue
        except Exception as error:  # noqa: BLE001
            raw.append(f"{argument} times {by:g}: {type(error).__name__}: {str(error)[:150]}")
    assert raw == []
