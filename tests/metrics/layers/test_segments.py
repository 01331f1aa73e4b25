"""Segments of a profile: networks that are run where they are not read, layer by layer as those that are."""

import numpy as np
import pytest
import torch
from torch import nn

from relucvx import metrics as m
from relucvx.errors import InvalidInputError
from relucvx.metrics.layers import segments

RNG = np.random.default_rng(0)


class Functional(nn.Module):
    """ReLU as a function, a skip connection, a pooling."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.last = (
            nn.Conv2d(1, 3, 3, padding=1),
            nn.Conv2d(3, 3, 3, padding=1),
            nn.Linear(12, 2),
        )

    def forward(self, x):
        x = nn.functional.relu(self.first(x))
        x = nn.functional.relu(x + self.second(x))
        return self.last(nn.functional.max_pool2d(x, 2).flatten(1))


def plain():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.Conv2d(3, 2, 2),
        nn.LeakyReLU(0.1),
        nn.Flatten(),
        nn.Linear(2, 2),
    ).eval()


def fails(*args, **kwargs):
    raise InvalidInputError("expected something else; received this")


def test_running_gives_the_numbers_of_reading(monkeypatch):
    images = RNG.standard_normal((12, 1, 4, 4))
    options = {"metrics": ["line_regions", "folding"], "n_lines": 6, "rng": 0}
    expected = m.profile(plain(), images, **options)

    monkeypatch.setattr(segments, "read_layers", fails)
    found = m.profile(plain(), images, **options)
    kinks = expected["line_regions"].notna()
    assert kinks.sum() == 2
    columns = options["metrics"]
    np.testing.assert_allclose(found.loc[kinks, columns], expected.loc[kinks, columns])


def test_functions_and_branches_count_the_kinks_in_front_of_them(monkeypatch):
    images, net = RNG.standard_normal((10, 1, 4, 4)), Functional()
    monkeypatch.setattr(segments, "read_layers", fails)
    found = m.profile(net, images, metrics=["line_regions"], n_lines=3, rng=0)
    assert found.index.tolist() == ["input", "relu() (call 1)", "relu() (call 2)", "max_pool2d()", "output"]
    assert found["type"].tolist() == ["input", "Conv2d + relu", "Conv2d + relu", "max_pool2d", "Linear"]
    draws = np.random.default_rng(int(np.random.default_rng(0).integers(2**32)))
    starts = draws.integers(10, size=3)
    ends = (starts + draws.integers(1, 10, size=3)) % 10
    lines = m.line_regions(net, images[starts], images[ends], route="running")
    for k, name in enumerate(found.index[1:4]):
        counts = [
            1 + int((line.codes[1:, line.layer <= k] != line.codes[:-1, line.layer <= k]).any(axis=1).sum())
            for line in lines
        ]
        assert found.loc[name, "line_regions"] == np.mean(counts)
    assert found.loc[["input"], "line_regions"].isna().all()


def test_layers_behind_what_cannot_be_followed_have_none():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)
    )
    found = m.profile(net, RNG.standard_normal((8, 3)), metrics=["line_regions"], n_lines=4, rng=0)
    assert found["line_regions"].notna().tolist() == [False, True, False, False, False]


def test_segments_are_as_many_as_the_work_allows(monkeypatch):
    images, net = RNG.standard_normal((6, 1, 4, 4)), Functional()
    whole = m.profile(net, images, metrics=["line_regions"], n_lines=5, rng=0)
    monkeypatch.setattr(segments, "read_layers", fails)
    monkeypatch.setattr(segments, "WORK", 1.0)
    found = m.profile(net, images, metrics=["line_regions"], n_lines=5, rng=0)
    assert whole["line_regions"].notna().any()
    assert "segments of at most 1e+00 multiplications" in found.attrs["left_out"]["line_regions"]


@pytest.mark.parametrize("depth", [1, 3])
def test_sums_over_changes_are_those_over_codes(depth):
    torch.manual_seed(depth)
    layers = [part for _ in range(depth) for part in (nn.Linear(4, 4), nn.ReLU())]
    line = m.line_regions(
        nn.Sequential(*layers, nn.Linear(4, 1)), 3 * RNG.standard_normal(4), -3 * RNG.standard_normal(4)
    )
    for k, (regions, chi) in enumerate(segments.up_to_each(line)):
        codes = line.codes[:, line.layer <= k]
        assert regions == 1 + int((codes[1:] != codes[:-1]).any(axis=1).sum())
        assert chi == pytest.approx(m.space_folding(codes).chi, abs=1e-15, nan_ok=True)
