"""The global optimum of a ReLU network on real data, with a proof.

Fisher's irises: is a flower setosa (+1) or not (-1)? Weight decay acts on all weights and biases.
"""

import relucvx as rx

data = rx.datasets.load("iris", one_vs_rest="setosa")
_, beta_max = rx.beta_max(data.X, data.Y, bias="all")
sol = rx.solve(data.X, data.Y, beta=0.02 * beta_max, bias="all")

print(sol)
accuracy = ((sol.network.predict(data.X) > 0) == (data.Y > 0)).mean()
print(f"training accuracy {accuracy:.1%} with {sol.network.width} hidden neurons")

# No other network, of any width, has a lower objective than the certified bound. The claim needs no trust in the
# solver: it is proven afresh from the network and a dual point.
proof = rx.certify(sol.network, data.X, data.Y, sol.problem.beta, bias="all", dual=sol.dual)
assert proof.lower <= sol.objective <= proof.lower * (1 + 1e-6)
