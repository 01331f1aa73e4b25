"""Kernels kept between processes are never older than their sources, and a cache that cannot be used is no error."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import relucvx

CALLEE = "from relucvx.compiled import compiled\n\n\n@compiled\ndef inner(x):\n    return x + {}\n"
CALLER = """
from relucvx.compiled import compiled
from callee import inner
from numbers_of import FACTOR


@compiled
def outer(x):
    return FACTOR * inner(x)
"""
SHOW = """
from caller import outer
print(outer(1.0), sum(outer.stats.cache_hits.values()), sum(outer.stats.cache_misses.values()))
"""


def run(folder, code=SHOW, **env):
    """Standard output of a Python process that sees the folder and this package."""
    path = os.pathsep.join([str(folder), str(Path(relucvx.__file__).parents[1])])
    home = folder / "home"
    home.mkdir(exist_ok=True)
    full = {**os.environ, "PYTHONPATH": path, "HOME": str(home), "XDG_CACHE_HOME": str(home), **env}
    out = subprocess.run(
        [sys.executable, "-c", code], env=full, capture_output=True, text=True, timeout=300, check=False
    )
    assert out.returncode == 0, out.stderr
    return out.stdout.split()


@pytest.fixture
def package(tmp_path):
    (tmp_path / "callee.py").write_text(CALLEE.format(1))
    (tmp_path / "caller.py").write_text(CALLER)
    (tmp_path / "numbers_of.py").write_text("FACTOR = 2.0\n")
    return tmp_path


def edit(file, text):
    """New contents of the same length, with the same times: nothing but the text tells them apart."""
    before = file.stat()
    assert len(text) == before.st_size
    file.write_text(text)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    shutil.rmtree(
        file.parent / "__pycache__" / f"{file.stem}.cpython-{sys.version_info[0]}{sys.version_info[1]}.pyc", True
    )
    for stale in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
        stale.unlink()


def test_an_edited_callee_or_constant_takes_effect(package):
    assert run(package) == ["4.0", "0", "1"]
    assert run(package) == ["4.0", "1", "0"]
    edit(package / "callee.py", CALLEE.format(5))
    assert run(package) == ["12.0", "0", "1"]
    edit(package / "numbers_of.py", "FACTOR = 3.0\n")
    assert run(package) == ["18.0", "0", "1"]
    assert run(package) == ["18.0", "1", "0"]


def test_damaged_files_are_compiled_again(package):
    assert run(package)[0] == "4.0"
    for file in (package / "__pycache__").glob("*.nb?"):
        file.write_bytes(file.read_bytes()[:40])
    assert run(package) == ["4.0", "0", "1"]
    assert run(package) == ["4.0", "1", "0"]


def test_code_for_other_arguments_is_not_taken(package):
    """Two processes at once may give two signatures the same file name."""
    both = SHOW + "\nprint(outer(1))"
    assert run(package, both)[0] == "4.0"
    one, two = sorted((package / "__pycache__").glob("caller.outer-*.nbc"))
    shutil.copy(one, two)
    assert run(package, both)[::3] == ["4.0", "4.0"]


def test_without_any_place_for_a_cache(package):
    blocked = package / "file"
    blocked.write_text("")
    nowhere = str(blocked / "below")
    (package / "__pycache__").write_text("")  # a file where the folder should be: nobody can write there, not even root
    assert run(package, HOME=nowhere, XDG_CACHE_HOME=nowhere) == ["4.0", "0", "1"]
    assert not list(package.rglob("*.nbi"))


def test_processes_at_once(package):
    code = SHOW
    path = os.pathsep.join([str(package), str(Path(relucvx.__file__).parents[1])])
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    assert [p.communicate(timeout=300)[0].split()[0] for p in started] == ["4.0"] * 3
    assert run(package) == ["4.0", "1", "0"]


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
