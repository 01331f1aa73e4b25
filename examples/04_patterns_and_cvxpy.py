"""The convex program itself: list the activation patterns, write it in CVXPY, and add a constraint of your own.

Here the outputs must average to zero, and one sample must be fitted exactly. No training recipe offers this; in
the convex program both are single lines, and the result is again a global optimum (of the constrained problem).
"""

import cvxpy as cp
import numpy as np

import relucvx as rx

rng = np.random.default_rng(0)
X = rng.standard_normal((12, 2))
y = np.abs(X[:, 0]) - 0.5 * X[:, 1]
beta = 0.1

arrangement = rx.enumerate_patterns(X)
predicted = rx.count_patterns(len(X), X.shape[1])
print(f"{arrangement}; Cover's count is {predicted}")

program = rx.ConvexProgram(X, y, beta=beta, arrangement=arrangement)
form = program.to_cvxpy()
free = form.problem.solve(solver=cp.CLARABEL)
print(f"unconstrained: {free:.8f}; relucvx.solve: {rx.solve(X, y, beta).objective:.8f}")

constraints = [*form.constraints, form.fit[3] == y[3], cp.sum(form.fit) == 0]
constrained = cp.Problem(form.problem.objective, constraints)
value = constrained.solve(solver=cp.CLARABEL)
# An interior-point solver leaves a trace of every pattern; pruning keeps the function and never raises the penalty.
net = rx.prune(rx.recover_network(program, form.primal()), X)
print(f"constrained:   {value:.8f} with {net.width} neurons")
print(
    f"  fit at sample 3 {net.predict(X)[3]:+.6f} for target {y[3]:+.6f}; mean of the fit {net.predict(X).mean():+.1e}"
)

# The constrained optimum is a network too, so the unconstrained problem's certificate says what the constraints cost.
certificate = rx.certify(net, X, y, beta)
print(f"  its distance from the unconstrained optimum: at most {certificate.gap:.6f} (true: {value - free:.6f})")
