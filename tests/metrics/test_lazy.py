"""Metrics of arrays load neither torch nor the compiler."""

import subprocess
import sys

SCRIPT = """
import sys
import numpy as np
import relucvx as rx
Z, labels = np.eye(4), [0, 0, 1, 1]
rx.metrics.graph_convexity(Z, labels, confidence=0.9, n_resamples=2, n_permutations=2)
rx.metrics.neural_collapse(Z, labels)
rx.metrics.participation_ratio(Z)
rx.metrics.cka(Z, Z)
rx.metrics.separability(Z)
rx.metrics.noise_corrected_kernel(Z, labels)
rx.metrics.folding(rx.TwoLayerReLU(Z, Z), [-1.0] * 4, [1.0] * 4, method="sampled")
print(*sorted({"torch", "numba", "sklearn", "cvxpy", "matplotlib"} & set(sys.modules)))
"""


def test_array_metrics_load_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
