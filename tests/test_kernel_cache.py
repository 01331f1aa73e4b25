"""Kernels kept between processes are never older than their sources, and a cache that cannot be used is no error."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import relucvx
from relucvx import kernel_cache

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


IMPATIENT = "from relucvx import kernel_cache\nkernel_cache.WAIT = 0.2\n" + SHOW


def start(folder, code=SHOW, **env):
    """A Python process that sees the folder and this package, with a home of its own."""
    path = os.pathsep.join([str(folder), str(Path(relucvx.__file__).parents[1])])
    home = folder / "home"
    home.mkdir(exist_ok=True)
    outside = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    full = {**outside, "PYTHONPATH": path, "HOME": str(home), "XDG_CACHE_HOME": str(home), **env}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code], env=full, **pipes)


def end(process):
    """Words of its standard output."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out.split()


def run(folder, code=SHOW, **env):
    """The same of a process that starts now."""
    return end(start(folder, code, **env))


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


def test_kept_code_is_loaded_without_what_compiling_needs(package):
    asks = SHOW + "import sys; print('numba.np.random.generator_core' in sys.modules)\n"
    assert run(package, asks) == ["4.0", "0", "1", "True"]
    assert run(package, asks) == ["4.0", "1", "0", "False"]
    slow = "from relucvx import kernel_cache\nkernel_cache.QUICK = False\n" + asks
    assert run(package, slow) == ["4.0", "1", "0", "True"]


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


def test_a_package_that_cannot_be_written_is_cached_for_its_user(package):
    (package / "__pycache__").write_text("")  # as above
    assert run(package) == ["4.0", "0", "1"]
    assert run(package) == ["4.0", "1", "0"]
    assert list((package / "home").rglob("caller.outer-*.nbc"))


def test_processes_at_once(package):
    """One of them compiles, the others wait for it; where files cannot be locked each compiles for itself."""
    started = [start(package) for _ in range(4)]
    ended = [end(process) for process in started]
    assert [value for value, _, _ in ended] == ["4.0"] * 4
    if kernel_cache.fcntl is not None:
        assert sorted(misses for _, _, misses in ended) == ["0", "0", "0", "1"]
    assert run(package) == ["4.0", "1", "0"]


HOLD = """
import time
from caller import outer
with outer._cache.one_process():
    print("held", flush=True)
    time.sleep(300)
"""


@pytest.mark.skipif(kernel_cache.fcntl is None, reason="no locks on files")
def test_nobody_waits_for_a_process_that_died(package):
    with start(package, HOLD) as holder:
        assert holder.stdout.readline() == "held\n"
        with start(package) as waiting:
            time.sleep(3.0)
            still = waiting.poll() is None
            holder.kill()
            assert end(waiting) == ["4.0", "0", "1"]
            assert still


@pytest.mark.skipif(kernel_cache.fcntl is None, reason="no locks on files")
def test_nobody_waits_for_ever(package):
    with start(package, HOLD) as holder:
        assert holder.stdout.readline() == "held\n"
        assert run(package, IMPATIENT) == ["4.0", "0", "1"]
        holder.kill()


def test_another_processor_and_another_numba_have_files_of_their_own(package):
    """They are told apart by name: an index in one file, or data in another's place, could be mixed up by two that write."""
    assert run(package) == ["4.0", "0", "1"]
    assert run(package, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="") == ["4.0", "0", "1"]
    other = "import numba\nnumba.__version__ = '0.0.1'\n" + SHOW
    assert run(package, other) == ["4.0", "0", "1"]
    for code, env in ((SHOW, {}), (SHOW, {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}), (other, {})):
        assert run(package, code, **env) == ["4.0", "1", "0"]
    assert len(list((package / "__pycache__").glob("caller.outer-*.nbc"))) == 3
