"""Optima along a path of weight decays: from the zero network at beta_max to an almost exact fit.

Each solution starts from the one before, and each carries its own certificate.
"""

import numpy as np

import relucvx as rx

data = rx.datasets.get("planted:100x3")  # a planted teacher network of few neurons, plus noise
lo, hi = rx.beta_max(data.X, data.Y)
print(f"{data}: beta_max in [{lo:.9g}, {hi:.9g}]; the teacher has {data.teacher.width} neurons\n")
print("    beta   objective     rel gap  width  mean squared error")
for sol in rx.beta_path(data.X, data.Y, hi * np.geomspace(1, 1e-2, 9)):
    error = np.mean((sol.network.predict(data.X) - data.Y) ** 2)
    c = sol.certificate
    print(f"{sol.problem.beta:8.3f}  {sol.objective:10.6f}  {c.rel_gap:10.1e}  {sol.network.width:5d}  {error:.5f}")
    assert c.rel_gap <= 1e-6
