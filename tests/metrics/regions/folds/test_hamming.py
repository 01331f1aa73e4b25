"""Hamming convexity against the literal definition: all shortest paths, walked one by one."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relucvx.errors import InvalidInputError
from relucvx.metrics import hamming_convex
from relucvx.metrics.regions.folds import hamming

CUBE = {n: [tuple(map(bool, code)) for code in itertools.product([0, 1], repeat=n)] for n in (1, 2, 3, 4)}


def shortest_paths(a, b):
    """Every order in which the bits of a that differ from b can be flipped."""
    for order in itertools.permutations([i for i in range(len(a)) if a[i] != b[i]]):
        path = [a]
        for i in order:
            path.append(tuple(b[j] if j == i else v for j, v in enumerate(path[-1])))
        yield path


def literally_convex(codes, observable):
    codes, observable = set(codes), set(observable)
    return all(
        z in codes
        for a, b in itertools.combinations(codes, 2)
        for path in shortest_paths(a, b)
        for z in path
        if z in observable
    )


@st.composite
def code_sets(draw):
    n = draw(st.integers(1, 4))
    codes = draw(st.lists(st.sampled_from(CUBE[n]), min_size=1, max_size=8))
    observable = draw(st.one_of(st.none(), st.lists(st.sampled_from(CUBE[n]), max_size=12)))
    return codes, None if observable is None else [*observable, *codes]


@given(code_sets())
def test_equals_the_literal_definition(case):
    codes, observable = case
    found = hamming_convex(codes, observable)
    assert found.convex == literally_convex(codes, CUBE[len(codes[0])] if observable is None else observable)
    assert bool(found) is found.convex
    if found.convex:
        assert found.path is None
        return
    path = [tuple(row) for row in found.path.tolist()]
    assert path in list(shortest_paths(tuple(found.start), tuple(found.end)))
    assert {path[0], path[-1]} <= set(codes)
    missing = tuple(found.missing.tolist())
    assert missing in path
    assert missing not in codes
    assert observable is None or missing in observable


@given(code_sets(), st.randoms(use_true_random=False))
def test_invariances(case, random):
    codes, observable = (None if part is None else np.array(part) for part in case)
    expected = hamming_convex(codes, observable).convex
    order = random.sample(range(codes.shape[1]), codes.shape[1])
    flip = np.array([random.random() < 0.5 for _ in order])

    def moved(part):
        return None if part is None else part[::-1, order] ^ flip

    assert hamming_convex(moved(codes), moved(observable)).convex == expected
    # a neuron counted twice changes nothing once codes are observable only where both agree
    if observable is not None:
        twice = [np.column_stack([part, part[:, 0]]) for part in (codes, observable)]
        assert hamming_convex(*twice).convex == expected


def test_a_neuron_counted_twice_breaks_convexity_where_all_codes_are_observable():
    codes = np.array([[0], [1]])
    assert hamming_convex(codes)
    assert not hamming_convex(np.column_stack([codes, codes]))


def test_codes_that_are_not_observable_do_not_count():
    """The seed's second example: codes far apart, with nothing that occurs in between."""
    codes = [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]]
    assert hamming_convex(codes, codes)
    assert not hamming_convex(codes)
    assert not hamming_convex(codes, [*codes, [1, 0, 0, 0]])
    assert hamming_convex(codes, [*codes, [0, 0, 0, 1]]).missing.tolist() == [False, False, False, True]
    assert hamming_convex([[0, 0, 0, 0], [1, 1, 0, 0]], [*codes, [0, 0, 0, 1]])


def test_the_whole_cube_is_convex_and_is_not_without_a_corner():
    assert hamming_convex(CUBE[4])
    for k in range(16):
        found = hamming_convex(CUBE[4][:k] + CUBE[4][k + 1 :])
        assert tuple(found.missing.tolist()) == CUBE[4][k]
        assert found.path.shape == (3, 4)


def test_large_sets_are_compared_in_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    observable = rng.random((300, 12)) < 0.5
    codes = observable[observable[:, 0]]
    assert hamming_convex(codes, observable)
    whole = hamming_convex(observable[:40], observable)
    monkeypatch.setattr(hamming, "BLOCK", 1)
    blocks = hamming_convex(observable[:40], observable)
    assert not whole
    assert whole.to_dict() == blocks.to_dict()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (([[2.0, 0]],), "codes of zeros and ones; received the value 2"),
        (([0, 1],), r"codes of shape \(steps, neurons\)"),
        (([[0, 1]], [[0, 1, 1]]), r"observable codes of 2 neurons, as in codes; received shape \(1, 3\)"),
        (([[0, 1], [1, 1]], [[0, 1]]), "codes among the observable ones; received 1 of 2 codes that are not"),
    ],
)
def test_refusals(args, message):
    with pytest.raises(InvalidInputError, match=message):
        hamming_convex(*args)


def test_codes_of_maxima_are_convex_as_products_of_the_values_they_have():
    rng = np.random.default_rng(4)
    for _ in range(40):
        codes = rng.integers(0, 3, (rng.integers(1, 9), 3))
        inside = np.unique(codes, axis=0)
        product = np.prod([len(np.unique(column)) for column in codes.T])
        found = hamming_convex(codes)
        assert found.convex == (len(inside) == product)
        observed = hamming_convex(codes, list(itertools.product(range(3), repeat=3)))
        assert observed.convex == found.convex
        if not found:
            steps = (found.path[1:] != found.path[:-1]).sum(axis=1)
            assert (steps == 1).all()
            assert (found.path == found.missing).all(axis=1).any()
            assert not (inside == found.missing).all(axis=1).any()
