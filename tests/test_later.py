"""Packages that load when they are first used."""

import subprocess
import sys

import pytest

from relucvx.later import later


def test_a_stand_in_answers_like_its_module_and_follows_it(monkeypatch):
    import fractions

    stand_in = later("fractions")
    assert stand_in.Fraction is fractions.Fraction
    monkeypatch.setattr(fractions, "Fraction", int)
    assert stand_in.Fraction is int
    assert repr(stand_in) == "later('fractions')"
    with pytest.raises(AttributeError, match="nothing"):
        stand_in.nothing  # noqa: B018


def test_a_package_that_is_not_there_is_an_error_when_it_is_used():
    stand_in = later("no_such_package")
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        stand_in.anything  # noqa: B018


def test_nothing_loads_before_it_is_used():
    """Not by whoever looks at the file it stands in, as doctest and pickle do, either."""
    code = (
        "import sys; from relucvx.later import later; a = later('wave'); hasattr(a, '__wrapped__'); repr(a)\n"
        "print('wave' in sys.modules); a.Error; print('wave' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
