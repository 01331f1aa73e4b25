"""Cut networks: the head is the best there, counts are those of torch, the rule never sees the test samples."""

import numpy as np
import pytest
import torch
from metrics.layers.cases import LABELS, NET, X
from scipy import stats
from torch import nn

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.metrics.layers.refit import mcnemar, paired_interval

QUICK = {"k": 5, "n_pairs": 50, "rng": 0}


def deep(seed=0, out=3):
    torch.manual_seed(seed)
    layers = [nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, out)]
    return nn.Sequential(*layers)


def cut(net, **options):
    return rx.metrics.cut_and_refit(net, X, LABELS, X, LABELS, **QUICK | options)


def test_the_head_is_the_probe_of_that_layer():
    for name, Z in rx.metrics.layer_activations(NET, X).items():
        found = cut(NET, layer=name)
        probe = rx.metrics.linear_probe(Z, LABELS, Z, LABELS)
        assert found.accuracy == probe.accuracy
        assert found.per_class == probe.per_class
        assert np.mean(found.network.predict(X).argmax(1) == LABELS) == probe.accuracy
    own = NET.predict(X).argmax(1) == LABELS
    assert (found.accuracy_before, found.compared_with) == (own.mean(), "its own outputs")


@pytest.mark.parametrize("two", [False, True])
def test_a_sequential_becomes_a_shorter_one(two):
    labels = np.where(LABELS == 2, 0, LABELS) if two else LABELS
    net = deep(out=1 if two else 3)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    found = rx.metrics.cut_and_refit(net, X, labels, X, labels, layer="1", **QUICK)
    assert [type(part).__name__ for part in found.network] == ["Linear", "ReLU", "Linear"]
    assert found.removed == ("3", "5")
    assert found.parameters == sum(p.numel() for p in found.network.parameters())
    assert found.parameters_before == sum(p.numel() for p in net.parameters())
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    found.network[0].weight.data.zero_()  # a copy: the whole network does not notice
    assert torch.equal(net[0].weight, before["0.weight"])
    decided = net(torch.tensor(X, dtype=torch.float32)).detach().numpy()
    decided = decided.argmax(1) if not two else (decided[:, 0] > 0).astype(int)
    assert found.accuracy_before == (decided == labels).mean()


def test_a_module_in_training_is_left_as_it_was():
    net = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    found = cut(net, layer="2")
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert not found.network.training


def test_an_encoder_is_compared_with_a_head_on_its_outputs():
    net = deep(out=6)
    found = cut(net, layer="5")
    with torch.no_grad():
        Z = net(torch.tensor(X, dtype=torch.float32)).double().numpy()
    assert found.compared_with == "a linear head on its outputs"
    assert found.accuracy_before == rx.metrics.linear_probe(Z, LABELS, Z, LABELS).accuracy


@pytest.mark.parametrize("rule", ["convexity_peak", "rank_drop"])
def test_the_rule_is_that_of_the_profile_and_the_test_samples_decide_nothing(rule):
    net = deep()
    table = rx.metrics.profile(net, X, LABELS, metrics=["graph_convexity", "numerical_rank"], k=5, n_pairs=50, rng=0)
    expected = rx.metrics.suggested_cut(table)[rule]["layer"]
    other = np.random.default_rng(1).permutation(LABELS)
    layers = {rx.metrics.cut_and_refit(net, X, LABELS, X, y, rule=rule, **QUICK).layer for y in (LABELS, other)}
    assert layers == {expected}


def test_intervals_hold_the_change():
    rng, hits = np.random.default_rng(0), 0
    for _ in range(400):
        gained, lost, _ = rng.multinomial(100, [0.06, 0.1, 0.84])
        low, high = paired_interval(gained, lost, 100, 0.9)
        hits += low <= -0.04 <= high
    assert abs(hits / 400 - 0.9) < 0.05
    # where nothing changed, half a sample in each of four cells is what is left of the doubt
    assert paired_interval(0, 0, 20, 0.95) == pytest.approx((-stats.norm.ppf(0.975) / 22, stats.norm.ppf(0.975) / 22))
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(2, 9) == pytest.approx(stats.binomtest(2, 11).pvalue)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rule": "peak"}, 'rule "convexity_peak" or "rank_drop"; received \'peak\''),
        ({"module": {"one": X}}, "a network to cut; received dict"),
        ({"layer": "hidden 7"}, "layers among 'hidden 0', 'hidden 1'; received 'hidden 7'"),
        (
            {"module": rx.DeepNetwork([np.ones((5, 4)), np.ones((4, 3))]), "rule": "rank_drop"},
            "the rule rank_drop finds",
        ),
        ({"module": deep(out=6), "classes": [0, 1, 2]}, "6 classes, one for each output; received 3"),
    ],
)
def test_refusals(change, message):
    given = {"module": NET, "X": X, "labels": LABELS, "X_test": X, "labels_test": LABELS}
    with pytest.raises(InvalidInputError, match=message):
        rx.metrics.cut_and_refit(**given | change, **QUICK)
