"""Whether the optimal kernel is the only one."""

from types import SimpleNamespace

import pytest
from report.cases import scaled

from relucvx.certificate import Uniqueness
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError
from relucvx.report import uniqueness as uniqueness_module


@pytest.mark.parametrize(("gap", "unique", "words"), [(1.0, False, "kernels 1 apart"), (0.0, None, "same kernel")])
def test_two_optima_refute_uniqueness_only_with_different_kernels(monkeypatch, solved, gap, unique, words):
    other = solved.network if gap == 0 else scaled(solved.network, 2.0)
    two = SimpleNamespace(verdict=Uniqueness.NOT_UNIQUE, network=solved.network, second=other, reason="")
    monkeypatch.setattr(uniqueness_module, "optimal_set", lambda *a, **k: two)
    found = uniqueness_module.kernel_uniqueness(solved, [], Deadline())
    assert found.unique is unique
    assert words in found.reason


def test_undecided_optimal_sets_stay_undecided(monkeypatch, solved):
    rough = SimpleNamespace(certificate=SimpleNamespace(rel_gap=0.1))
    open_question = SimpleNamespace(verdict=Uniqueness.UNDECIDED, network=None, second=None, reason="too close")
    monkeypatch.setattr(uniqueness_module, "optimal_set", lambda *a, **k: open_question)
    assert uniqueness_module.kernel_uniqueness(solved, [], Deadline()) == uniqueness_module.KernelUniqueness(
        None, "too close"
    )

    def refuse(error):
        def fail(*args, **kwargs):
            raise error("text")

        return fail

    monkeypatch.setattr(uniqueness_module, "optimal_set", refuse(InvalidInputError))
    assert "a relative gap of 0.1 is too wide" in uniqueness_module.kernel_uniqueness(rough, [], Deadline()).reason
