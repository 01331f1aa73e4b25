"""Kernels are compiled alike with every option, and whoever waits for that is told so, once."""

import pytest
from test_kernel_cache import start

TINY = """
import sys
from relucvx.compiled import compiled

def add(x):
    return x + 1

def twice(x):
    return x + x

# as the package's own
add.__module__ = twice.__module__ = "relucvx.tiny"
sys.modules["relucvx.tiny"] = sys.modules[__name__]
add, twice = compiled(add), compiled(twice)
"""
SHOW = "from tiny import add, twice\nprint(add(1.0), twice(1.0))"
IN_A_WORKER = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from tiny import add
if __name__ == "__main__":
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        print(pool.submit(add, 1.0).result())
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tiny.py").write_text(TINY)
    return tmp_path


def said(process):
    """Standard output, and the lines on standard error."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out.split(), err.splitlines()


def test_that_it_compiles_is_said_once_and_not_on_standard_output(folder):
    out, err = said(start(folder, SHOW))
    assert out == ["2.0", "2.0"]
    assert len(err) == 1
    assert err[0].startswith("relucvx: compiling for this processor, once; `relucvx warmup`")
    assert said(start(folder, SHOW)) == (["2.0", "2.0"], [])


def test_who_wants_no_line_sets_the_level_of_its_logger(folder):
    silent = "import logging\nlogging.getLogger('relucvx').setLevel(logging.ERROR)\n" + SHOW
    assert said(start(folder, silent)) == (["2.0", "2.0"], [])


def test_workers_say_nothing(folder):
    assert said(start(folder, IN_A_WORKER)) == (["2.0"], [])


def test_kernels_of_others_say_nothing(folder):
    (folder / "tiny.py").write_text(TINY.replace("relucvx.tiny", "theirs.tiny"))
    assert said(start(folder, SHOW)) == (["2.0", "2.0"], [])


def test_without_a_place_for_the_cache_the_line_says_what_to_do(folder):
    blocked = folder / "file"
    blocked.write_text("")
    nowhere = str(blocked / "below")
    (folder / "__pycache__").write_text("")  # nobody can write there, not even root
    out, err = said(start(folder, SHOW, HOME=nowhere, XDG_CACHE_HOME=nowhere))
    assert out == ["2.0", "2.0"]
    assert len(err) == 1
    assert "in every process anew" in err[0]
    assert err[0].endswith("set NUMBA_CACHE_DIR to a folder that can")
    # what it says to type works
    kept = folder / "kept"
    for lines in (1, 0):
        again = start(folder, SHOW, HOME=nowhere, XDG_CACHE_HOME=nowhere, NUMBA_CACHE_DIR=str(kept))
        assert len(said(again)[1]) == lines
    assert list(kept.rglob("*.nbc"))


def test_kernels_that_borrow_their_arrays_do_the_same(monkeypatch):
    """Without counted references, and with a numba that does not know the option."""
    import numpy as np

    from relucvx import compiled as module

    def doubled(x, out):
        for i in range(len(x)):
            out[i] = 2.0 * x[i]

    x = np.arange(3.0)
    for _ in range(2):
        out = np.zeros(3)
        module.compiled(counted=False)(doubled)(x, out)
        assert out.tolist() == [0.0, 2.0, 4.0]
        monkeypatch.setattr(module, "CPUTargetOptions", object)


PARTS = """
import sys
from relucvx.compiled import compiled

@compiled
def part(x):
    return x + 1

@compiled
def whole(x):
    return part(x) * 2

print(whole(1.0), ["_cache" in vars(kernel) for kernel in (whole, part)])
"""


def test_a_kernel_that_only_kernels_call_looks_for_no_place_to_be_kept(folder):
    (folder / "parts.py").write_text(PARTS)
    assert said(start(folder, "import parts"))[0] == ["4.0", "[True,", "False]"]


def test_what_a_kernel_is_kept_under_are_the_sources_that_were_loaded(folder):
    """An upgrade between loading the package and the first call must not store old code as new."""
    late = "import tiny, pathlib\nfile = pathlib.Path(tiny.__file__)\n"
    late += "file.write_text(file.read_text().replace('x + 1', 'x + 5'))\nprint(tiny.add(1.0))"
    assert said(start(folder, late))[0] == ["2.0"]
    assert said(start(folder, "from tiny import add\nprint(add(1.0))"))[0] == ["6.0"]
