"""Where deep collapse ends: from five layers on a network of lower rank undercuts the collapsed one."""

from __future__ import annotations

import numpy as np

from relucvx.kernel import edge_class_network, predict_deep_one_hot
from relucvx.kernel.deep import scalar_threshold
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, at_most
from relucvx.types import Array


def _draw(rng: np.random.Generator, size: int) -> Instance:
    """Four to seven nodes, five to seven layers, beta at 5 to 90 % of where the collapsed network vanishes."""
    nodes, depth = int(rng.integers(4, 5 + min(size, 3))), int(rng.integers(5, 8))
    top = float(scalar_threshold(np.ones(1), depth)[0])
    return {"nodes": nodes, "depth": depth, "beta": top * float(rng.uniform(0.05, 0.9))}


def _predict(instance: Instance) -> Predicted:
    """The collapsed network's value, which the explicit one must undercut, and by how much their penalties differ."""
    nodes, depth = int(instance["nodes"]), int(instance["depth"])
    edges = nodes * (nodes - 1) // 2
    form = predict_deep_one_hot(np.arange(edges), float(instance["beta"]), depth)
    # Π ||factor||² = 2 K · nodes^(L-3) · nodes K/4 · K
    penalty = (0.5 * edges**3 * float(nodes) ** (depth - 2)) ** (1.0 / depth)
    return {"collapsed": form.objective, "applies": form.applicable, "saving": 1.0 - penalty / edges}


def _measure(instance: Instance, predicted: Predicted) -> list[Deviation]:
    nodes, depth, beta = int(instance["nodes"]), int(instance["depth"]), float(instance["beta"])
    net = edge_class_network(nodes, beta, depth)
    X: Array = np.eye(nodes * (nodes - 1) // 2)
    value = 0.5 * float(((net.predict(X) - X) ** 2).sum()) + 0.5 * beta * sum(float((W**2).sum()) for W in net.weights)
    collapsed = float(predicted["collapsed"])
    # at the minimum penalty / fit = L s/(1 - s) >= L (L - 2), as s >= (L - 2)/(L - 1): that share of the value is saved on
    share = depth * (depth - 2) / (1.0 + depth * (depth - 2))
    promised = share * float(predicted["saving"]) * collapsed
    return [
        at_most("the explicit network above the collapsed one", value, collapsed - promised, 1e-9, collapsed),
        Deviation("the formula claims to apply", float(bool(predicted["applies"])), 0.5),
    ]


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "deep-collapse-ends",
        "From five ReLU layers on, X X^T = I, one sample for each edge of a complete graph on four nodes or more: a network "
        "through its nodes costs less than the collapsed one, relu(B (B^T - 1/2)) = I for the incidence matrix B.",
        "sukenik-2024, relucvx",
        "theorem (explicit)",
        draw=_draw,
        predict=_predict,
        measure=_measure,
        assumptions=(Assumption("five layers and four nodes or more", lambda i: i["depth"] >= 5 and i["nodes"] >= 4),),
        seconds=0.02,
    ),
)
