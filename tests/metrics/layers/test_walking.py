"""Segments walked for all layers at once, and refused beforehand where they would not fit."""

import numpy as np
import pytest
from metrics.layers.cases import EXACT, NET, X
from torch import nn

from relucvx import metrics as m
from relucvx.errors import InvalidInputError
from relucvx.metrics.layers import segments, walking

RNG = np.random.default_rng(0)


def wide():
    return nn.Sequential(nn.Linear(5, 900), nn.ReLU(), nn.Linear(900, 3))


def test_codes_are_computed_once_for_all_layers(monkeypatch, frame):
    seen = []

    def counted(*args):
        for line in lines(*args):
            seen.append(line)
            yield line

    lines = walking.regions_along
    monkeypatch.setattr(walking, "regions_along", counted)
    found = m.profile(NET, X, metrics=["line_regions", "folding"], **EXACT)
    assert len(seen) == EXACT["n_lines"]
    for k in (0, 1):  # against the public functions, on the network cut behind a layer
        cut = [(line, line.layer <= k) for line in seen]
        regions = [1 + int((line.codes[1:, on] != line.codes[:-1, on]).any(axis=1).sum()) for line, on in cut]
        chi = [m.space_folding(line.codes[:, on]).chi for line, on in cut]
        assert found.loc[f"hidden {k}", "line_regions"] == np.mean(regions)
        assert found.loc[f"hidden {k}", "folding"] == pytest.approx(np.nanmean(chi), rel=1e-14)
    assert np.allclose(found["folding"], frame["folding"], equal_nan=True)


def test_walks_and_readings_that_do_not_fit_are_refused_beforehand(monkeypatch):
    read = []
    monkeypatch.setattr(walking, "regions_along", lambda *args: read.append(args))
    monkeypatch.setattr(walking, "WALKED", 2.0**22)
    monkeypatch.setattr(segments, "WORK", 1.0)
    X = RNG.standard_normal((20, 5))
    found = m.profile(wide(), X, metrics=["line_regions"], rng=0)
    assert "900 neurons, about as many regions, and" in found.attrs["left_out"]["line_regions"]
    images = RNG.standard_normal((9, 1, 30, 30))
    net = nn.Sequential(nn.Conv2d(1, 8, 5), nn.ReLU(), nn.Conv2d(8, 8, 5), nn.ReLU(), nn.Flatten(), nn.Linear(3872, 2))
    with pytest.raises(InvalidInputError, match=f"{8 * 26**2 * 25 + 8 * 22**2 * 200:,} multiplications"):
        walking.check_readable(8 * 26**2 * 25 + 8 * 22**2 * 200)
    found = m.profile(net, images, metrics=["line_regions"], pool="none", rng=0)
    assert "line_regions(module, start, end)" in found.attrs["left_out"]["line_regions"]
    assert not read
