"""Whether the optimal kernel is the only one."""

from types import SimpleNamespace

import pytest
from report.cases import scaled

import relucvx as rx
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


def test_ranges_over_all_optima_are_asked_where_kernels_may_differ():
    data = rx.datasets.factorial(2, x1=0.5, x2=0.3)
    sol = rx.solve(data.X, data.Y, 0.2, tol=1e-9)
    unknown = uniqueness_module.KernelUniqueness(None, "too close")
    found = uniqueness_module.over_all_optima(sol, unknown, None, data.Y, Deadline())
    assert set(found) == {"parallelism", "distance"}
    assert found["parallelism"].lower <= 1.0 <= found["parallelism"].upper
    known = uniqueness_module.KernelUniqueness(True, "a closed form")
    assert uniqueness_module.over_all_optima(sol, known, None, data.Y, Deadline()) == {}
    assert uniqueness_module.over_all_optima(sol, unknown, None, data.Y, Deadline(0.0)) == {}
    # labels of one class have no quotient, and are no reason to stop
    assert "nc1_quotient" not in uniqueness_module.over_all_optima(sol, unknown, [0, 0, 0, 0], None, Deadline())
