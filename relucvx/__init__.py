"""relucvx: certified global optima of two-layer ReLU networks, and the theory around them as executable code.

Names resolve on first use, so that importing the package loads neither torch nor cvxpy nor matplotlib.

Examples
--------
>>> import relucvx as rx
>>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]  # y = |x|
>>> low, high = rx.beta_max(X, y)  # from here on the best network is zero
>>> low <= 5.0 <= high
True
>>> sol = rx.solve(X, y, beta=1.0)
>>> round(sol.objective, 6), sol.network.width, sol.status.name
(1.8, 2, 'CONVERGED')
>>> proof = rx.certify(sol.network, X, y, beta=1.0)  # of any network, without the solver
>>> print(proof.lower <= sol.objective <= proof.lower * (1 + 1e-6))
True
>>> [round(one.objective, 6) for one in rx.beta_path(X, y, [5.0, 2.0, 1.0])]
[5.0, 3.2, 1.8]
>>> rx.optimal_set(sol).verdict.name
'UNIQUE'
>>> round(rx.interpolate(X, y).objective, 6)  # least norm of an exact fit
2.0
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "ConvexReLUClassifier": "relucvx.estimators",
    "ConvexReLUPathCV": "relucvx.estimators",
    "ConvexReLURegressor": "relucvx.estimators",
    "solve": "relucvx._api.solving",
    "interpolate": "relucvx._api.solving",
    "optimal_set": "relucvx._api.ranges",
    "certify": "relucvx._api.solving",
    "kernel_range": "relucvx._api.ranges",
    "kernel_statistic": "relucvx._api.statistics",
    "kernel_suboptimality": "relucvx._api.suboptimality",
    "StatisticRange": "relucvx._api.statistics",
    "beta_max": "relucvx._api.strengths",
    "beta_path": "relucvx._api.strengths",
    "BetaPath": "relucvx.path",
    "beta_band": "relucvx._api.band",
    "BetaBand": "relucvx.band",
    "load_band": "relucvx.band",
    "kernel_curve": "relucvx._api.curves",
    "KernelCurve": "relucvx._api.curves",
    "for_each": "relucvx._api.many",
    "write_proof": "relucvx._api.proofs",
    "check_proof": "relucvx._api.proofs",
    "CheckedProof": "relucvx._api.proofs",
    "Solution": "relucvx.solution",
    "load": "relucvx.solution",
    "predict": "relucvx.prediction",
    "Predictions": "relucvx.prediction",
    "Certificate": "relucvx.certificate",
    "OptimalSet": "relucvx.certificate",
    "KernelRange": "relucvx.certificate",
    "Uniqueness": "relucvx.certificate",
    "enumerate_patterns": "relucvx.arrangement",
    "sample_patterns": "relucvx.arrangement",
    "count_patterns": "relucvx.arrangement",
    "Arrangement": "relucvx.arrangement",
    "ConvexProgram": "relucvx.program",
    "GatedRelaxation": "relucvx.program",
    "InterpolationProgram": "relucvx.program",
    "Problem": "relucvx.program",
    "make_problem": "relucvx.program",
    "Relaxation": "relucvx.program",
    "doubly_nonnegative_bound": "relucvx.program",
    "nuclear_norm_bound": "relucvx.program",
    "recover_network": "relucvx.program",
    "lift_network": "relucvx.program",
    "PooledReLU": "relucvx.network",
    "ParallelReLU": "relucvx.network",
    "solve_parallel": "relucvx._api.parallel",
    "certify_parallel": "relucvx._api.parallel",
    "ParallelSolution": "relucvx._api.parallel",
    "patches": "relucvx.network",
    "TwoLayerReLU": "relucvx.network",
    "DeepNetwork": "relucvx.network",
    "balance": "relucvx.network",
    "merge": "relucvx.network",
    "prune": "relucvx.network",
    "from_sklearn": "relucvx.network",
    "from_torch": "relucvx.network",
    "to_torch": "relucvx.network",
    "compare": "relucvx.report",
    "Comparison": "relucvx.report",
    "theory": "relucvx.theory",
    "sweep": "relucvx.sweeps",
    "load_sweep": "relucvx.sweeps",
    "Sweep": "relucvx.sweeps",
    "train": "relucvx.training",
    "training": "relucvx.training",
    "Status": "relucvx.types",
    "Scope": "relucvx.types",
    "RelucvxError": "relucvx.errors",
    "ScaleWarning": "relucvx.errors",
    "Interrupted": "relucvx.errors",
    "datasets": "relucvx.datasets",
    "representation_kernel": "relucvx.kernel",
    "kernel": "relucvx.kernel",
    "metrics": "relucvx.metrics",
    "Recording": "relucvx.metrics",
    "cite": "relucvx.citing",
    "Citation": "relucvx.citing",
    "warm_up": "relucvx.warmup",
    "WarmUp": "relucvx.warmup",
}

__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'relucvx' has no attribute {name!r}; public names: {', '.join(sorted(_PUBLIC))}")
    if _PUBLIC[name] == f"relucvx.{name}":
        return importlib.import_module(_PUBLIC[name])
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
