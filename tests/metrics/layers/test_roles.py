"""What the axes of values are: by layers with weights, and through views."""

import pytest
import torch

from relucvx.metrics.layers.roles import Roles, per_sample


def roles(start, letters, name, make, weighted=False):
    """Roles of what a function makes of a tensor whose axes are known."""
    x = torch.arange(float(torch.Size(start).numel())).reshape(start)
    known = Roles()
    known.n, known.known[id(x)] = start[letters.index("s")], letters
    out = make(x)
    known.follow(name, [x], weighted, [out])
    return known.of(out)


@pytest.mark.parametrize(
    ("start", "letters", "name", "make", "expected"),
    [
        ((3, 4, 4), "spf", "transpose", lambda x: x.transpose(1, 2), "sfp"),  # as many tokens as features
        ((4, 4, 4), "psf", "transpose", lambda x: x.transpose(0, 1), "spf"),
        ((3, 2, 4, 4), "sfpp", "flatten", lambda x: x.flatten(2), "sfp"),
        ((3, 2, 4, 4), "sfpp", "flatten", lambda x: x.flatten(1), "sf"),
        ((3, 5, 6), "spf", "view", lambda x: x.view(3, 5, 2, 3), "spff"),
        ((3, 5, 6), "spf", "select", lambda x: x[:, -1], "sf"),
        ((3, 5, 6), "spf", "softmax", lambda x: x.softmax(-1), "spf"),
        ((3, 2, 4, 4), "sfpp", "max_pool2d", lambda x: torch.nn.functional.max_pool2d(x, 2), "sfpp"),
        ((3, 2, 8), "s??", "conv1d", lambda x: torch.nn.functional.conv1d(x, torch.ones(4, 2, 3)), "sfp"),
    ],
)
def test_views_keep_what_their_axes_are(start, letters, name, make, expected):
    assert roles(start, letters, name, make, name == "conv1d") == expected


def test_samples_merged_with_tokens_are_told_apart_again():
    x = torch.zeros(3, 3, 4)
    known = Roles()
    known.begin(x)
    known.known[id(x)] = "spf"
    flat = x.view(-1, 4)
    known.follow("view", [x], False, [flat])
    assert known.of(flat) == "mf"
    out = flat @ torch.zeros(4, 5)
    known.follow("matmul", [flat], True, [out])
    again = out.view(3, 3, 5)
    known.follow("view", [out], False, [again])
    assert known.of(again) == "spf"


def test_shapes_speak_where_nothing_else_does():
    assert [per_sample(None, 0, shape) for shape in ((4,), (5, 4), (3, 8, 8))] == ["f", "pf", "fpp"]
    assert per_sample("s??", 0, (5, 4)) == "pf"
    assert per_sample("spf", 1, (5, 4)) == "pf"  # at odds with the axis that was measured
