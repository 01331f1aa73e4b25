"""Hypothesis strategies for users' own tests: problems, networks, and instances of every claim.

Hypothesis is optional (``pip install "relucvx[strategies]"``) and imported when a strategy is asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.errors import MissingPackageError, explain
from relucvx.network import TwoLayerReLU
from relucvx.program import Problem, make_problem
from relucvx.theory.definition import MAX_SIZE, Instance
from relucvx.theory.registry import claim
from relucvx.types import Array


def _hypothesis() -> Any:
    """The module ``hypothesis.strategies``."""
    try:
        from hypothesis import strategies
    except ImportError as error:
        raise MissingPackageError(
            explain("hypothesis to be installed", "no such package", "it is optional", "pip install hypothesis")
        ) from error
    return strategies


def matrices(rows: int, columns: int, span: int = 4, denominator: int = 2) -> Any:
    """Arrays (rows, columns) with entries k/denominator, |k| <= span, so that ties and degenerate data are common.

    Raises
    ------
    MissingPackageError
        When hypothesis is not installed.

    Notes
    -----
    Source: [relucvx]. Status: theorem (a definition).

    Examples
    --------
    >>> from hypothesis import find
    >>> from relucvx.theory import strategies
    >>> find(strategies.matrices(1, 2), lambda X: X[0, 1] > X[0, 0]).shape
    (1, 2)
    """
    st = _hypothesis()
    entries = st.lists(st.integers(-span, span), min_size=rows * columns, max_size=rows * columns)
    return entries.map(lambda v: np.array(v, dtype=float).reshape(rows, columns) / denominator)


def inputs(max_samples: int = 6, max_features: int = 3) -> Any:
    """Inputs X (n, d) on a grid, n <= max_samples and d <= max_features: duplicates, zeros and rank deficiency included.

    Raises
    ------
    MissingPackageError
        When hypothesis is not installed.

    Notes
    -----
    Source: [relucvx]. Status: theorem (a definition).

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> import relucvx as rx
    >>> from relucvx.theory import strategies
    >>> @settings(max_examples=5, deadline=None)
    ... @given(strategies.inputs())
    ... def patterns_are_few(X):
    ...     assert len(rx.enumerate_patterns(X)) <= 2 ** len(X)
    ...
    >>> patterns_are_few()
    """
    st = _hypothesis()
    shapes = st.tuples(st.integers(1, max_samples), st.integers(1, max_features))
    return shapes.flatmap(lambda shape: matrices(*shape))


def problems(
    max_samples: int = 6,
    max_features: int = 3,
    outputs: int = 1,
    biases: tuple[str, ...] = ("none", "hidden", "all"),
    activations: tuple[Any, ...] = ("relu", "leaky_relu", "abs"),
) -> Any:
    """Squared-loss training problems on a grid.

    Parameters
    ----------
    max_samples, max_features, outputs : int
        Sizes; one output gives targets of shape (n,).
    biases, activations : tuple
        What to choose from.

    Returns
    -------
    hypothesis strategy of Problem

    Raises
    ------
    MissingPackageError
        When hypothesis is not installed.

    Notes
    -----
    Source: [relucvx]. Status: theorem (a definition).

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> from relucvx.theory import strategies
    >>> @settings(max_examples=5, deadline=None)
    ... @given(strategies.problems(biases=("all",)))
    ... def the_null_network_has_an_objective(problem):
    ...     assert problem.null_value() >= 0
    ...
    >>> the_null_network_has_an_objective()
    """
    st = _hypothesis()

    def build(X: Array) -> Any:
        parts = (matrices(len(X), outputs), st.integers(1, 16), st.sampled_from(biases), st.sampled_from(activations))
        return st.tuples(*parts).map(lambda p: _problem(X, *p))

    return inputs(max_samples, max_features).flatmap(build)


def _problem(X: Array, Y: Array, eighths: int, bias: str, activation: Any) -> Problem:
    return make_problem(X, Y[:, 0] if Y.shape[1] == 1 else Y, eighths / 8, bias=bias, activation=activation)


def networks(problem: Problem, max_width: int = 4) -> Any:
    """Networks with weights on a grid that fit a problem: its features, outputs, activation and biases.

    Raises
    ------
    MissingPackageError
        When hypothesis is not installed.

    Notes
    -----
    Source: [relucvx]. Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> from hypothesis import find
    >>> from relucvx.theory import strategies
    >>> problem = rx.make_problem([[1.0], [2.0]], [1.0, 2.0], beta=0.5)
    >>> find(strategies.networks(problem), lambda network: network.width == 2).n_features
    1
    """
    st = _hypothesis()
    d, c = problem.n_inputs, problem.n_weights_out

    def build(width: int) -> Any:
        size = width * (d + c) + problem.n_outputs * problem.bias.has_output
        return matrices(1, size).map(lambda flat: read(flat[0], width))

    def read(flat: Array, m: int) -> TwoLayerReLU:
        W, V, out = np.split(flat, np.cumsum([m * d, m * c]))
        return problem.network(W.reshape(m, d), V.reshape(m, c), out)

    return st.integers(1, max_width).flatmap(build)


def instances(name: str, max_size: int = MAX_SIZE) -> Any:
    """Instances that satisfy the assumptions of a claim, for tests of one's own code on the same data.

    Parameters
    ----------
    name : str
        Id of the claim.
    max_size : int
        Largest size, 1 to 4.

    Returns
    -------
    hypothesis strategy of dict

    Raises
    ------
    MissingPackageError
        When hypothesis is not installed.
    InvalidInputError
        For an unknown id.

    Notes
    -----
    Source: [relucvx]. Status: theorem (a definition).

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> from relucvx.theory import claim, strategies
    >>> @settings(max_examples=3, deadline=None)
    ... @given(strategies.instances("spike-free-z-matrix"))
    ... def the_claim_holds(instance):
    ...     assert claim("spike-free-z-matrix").check(instance).verdict.name == "HOLDS"
    ...
    >>> the_claim_holds()
    """
    st = _hypothesis()
    subject = claim(name)

    def draw(pair: tuple[int, int]) -> Instance:
        return subject.draw(np.random.default_rng(pair[0]), pair[1])

    return st.tuples(st.integers(0, 2**32 - 1), st.integers(1, max_size)).map(draw)
