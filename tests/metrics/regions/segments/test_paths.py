"""Many segments carried through a network at once."""

import numpy as np
import pytest
from metrics.regions.segments.test_lines import NETWORKS, assert_same_line, ends, random_net

from relucvx.metrics import line_regions
from relucvx.metrics.regions.segments import paths
from relucvx.network.reading import read_layers


@pytest.mark.parametrize("block", [1, 300, 10**7])
@pytest.mark.parametrize("name", NETWORKS)
def test_many_segments_are_each_alone(name, block, monkeypatch):
    monkeypatch.setattr(paths, "BLOCK", block)
    net, shape = NETWORKS[name]
    starts, stops = ends(name, 13)
    stops[4] = starts[4]  # a segment of length zero among them
    many = line_regions(net, starts, stops)
    assert isinstance(many, tuple)
    assert len(many) == 13
    for line, start, end in zip(many, starts, stops, strict=True):
        assert_same_line(line, line_regions(net, start, end, input_shape=shape))
    for line, other in zip(line_regions(net, starts[0], stops), line_regions(net, stops, starts[:1]), strict=True):
        np.testing.assert_array_equal(line.codes, other.codes[::-1])
    assert many[4].n_regions == 1


def test_very_many_regions_keep_their_order():
    """The deepest sawtooth that float64 resolves easily: 2^16 regions of equal length."""
    from metrics.nets import sawtooth

    line = line_regions(sawtooth(16), [0.0], [1.0])
    np.testing.assert_allclose(line.breakpoints * 2**16, np.arange(1, 2**16), rtol=0, atol=1e-9)


def test_rounding_errors_do_not_pile_up_with_depth():
    """Sixty layers: bounds that took every neuron for active would grow to the distance between breakpoints."""
    net = random_net(np.random.default_rng(60), (5, *[20] * 60, 1), bias=0.1)
    start, end = np.random.default_rng(0).standard_normal((2, 5))
    line, back = line_regions(net, start, end), line_regions(net, end, start)
    assert line.n_regions > 50
    np.testing.assert_array_equal(line.codes, back.codes[::-1])
    middle = line.midpoints[:, None]
    points = (1 - middle) * start + middle * end
    np.testing.assert_array_equal(np.hstack(read_layers(net).preactivations(points)) > 0, line.codes)
