"""What claims are tried on: optima that are certified."""

from theory.toys import toy

import relucvx as rx
from relucvx.theory import Verdict, verify
from relucvx.theory.definition import close
from relucvx.theory.draws import certified


def test_an_optimum_that_is_not_certified_refutes_nothing(published):
    """The time ran out: the claim's premise is a certified optimum."""

    def short(instance, predicted):
        found = rx.solve(rx.datasets.get("planted:40x4").X, rx.datasets.get("planted:40x4").Y, 0.01, time_limit=1e-3)
        return [close("optimum", certified(found, 1e-9).objective, 0.0, 1e-9)]

    published(toy("timed", measure=short, expected="HOLDS"))
    result = verify("timed", trials=1)
    assert (result.verdict, result.violated, result.as_expected) == (Verdict.NOT_APPLICABLE, 0, False)
    assert "an optimum certified to 1e-09 (TIME_LIMIT) failed in" in result.reason
