"""Two global optima of one problem, equal in every output: one representation is abstract, the other is not.

Two binary variables, all four combinations, whitened inputs without a bias. A theory of abstract representations says
that the optimal hidden kernel is b (d_Y 11^T + Y Y^T). That is an optimum, but only one of a continuum: rotating the
neurons' tuning changes the parallelism score from 1 to 0 and the objective not at all. A common mode in the inputs
(x2 > 0, for instance a hidden bias) is what makes the abstract kernel the only one.
"""

import numpy as np

import relucvx as rx

BETA = 0.2
data = rx.datasets.factorial(d_Y=2)  # X X^T = I
family = rx.kernel.optimal_family(data.Y, BETA, X=data.X)
turn = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)

optima = {}
for name, R in (("abstract", np.eye(2)), ("one neuron per condition", turn)):
    network = family.network(R)
    proof = rx.certify(network, data.X, data.Y, BETA, tol=1e-9)
    score = rx.metrics.parallelism_score(kernel=rx.representation_kernel(network, data.X), factors=data.Y).mean
    optima[name] = (network, proof, score)
    print(f"{name:25s} {proof.lower:.12f} <= p* <= {proof.upper:.12f}   parallelism {score:.6f}")

(first, a, high), (second, b, low) = optima.values()
difference = abs(a.upper - b.upper)
print(
    f"objectives differ by {difference:.1e}, outputs by {abs(first.predict(data.X) - second.predict(data.X)).max():.1e}"
)
assert difference <= 1e-9
assert max(a.rel_gap, b.rel_gap) <= 1e-9
assert high - low >= 0.5

for bias in ("none", "hidden"):
    found = [p for p in rx.kernel.predict(data.X, data.Y, BETA, bias=bias) if p.applicable]
    print(f"bias {bias!r:9s} {found[0]!r}")
