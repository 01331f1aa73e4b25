"""The source archive holds what its own tests need, and installs."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis"
)
FOLDERS = ("relucvx", "tests", "examples", "benchmarks", "docs")
WHOLE = (
    "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "LICENSE", "pyproject.toml", ".pre-commit-config.yaml",
    ".ci/run", "docs/figures/floor.png",
)  # fmt: skip
"""Files beside the folders, and what is no text."""

TESTS = (
    "tests/test_import.py",
    "tests/network/test_two_layer.py",
    "tests/metrics/regions/folds/test_hamming.py",
    "tests/test_words.py",
    "tests/test_project_files.py",
)
"""A few that need no minute, among them one that reads README and the command line."""


def python(*args, cwd, env=None):
    """Output of a Python process that must succeed."""
    done = subprocess.run(args, cwd=cwd, env=env, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """The archive unpacked, built from a copy: building leaves files behind."""
    pytest.importorskip("setuptools", minversion="77")
    here = tmp_path_factory.mktemp("sdist")
    copy = shutil.copytree(ROOT, here / "source", ignore=LEFT_OUT)
    build = "from setuptools import build_meta; build_meta.build_sdist('../dist')"
    python(sys.executable, "-c", build, cwd=copy)
    (archive,) = (here / "dist").glob("relucvx-*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(here / "unpacked", filter="data")
    (unpacked,) = (here / "unpacked").iterdir()
    return unpacked


def listed(root):
    """Files of the folders that matter, without what running leaves behind."""
    return {
        str(file.relative_to(root))
        for folder in FOLDERS
        for file in (root / folder).rglob("*")
        if file.is_file()
        and "__pycache__" not in file.parts
        and file.suffix in (".py", ".json", ".md", ".rst", ".pyi", ".typed", ".txt")
    }


def test_the_archive_is_complete(tree):
    missing = listed(ROOT) - listed(tree)
    assert missing == set()
    assert len(listed(tree)) > 300
    for name in WHOLE:
        assert (tree / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.slow
def test_the_archive_installs_and_passes_its_own_tests(tree, tmp_path):
    """In an environment of its own, which sees the packages of this one (torch is not downloaded again) but not this tree."""
    environment = tmp_path / "venv"
    python(sys.executable, "-m", "venv", "--without-pip", str(environment), cwd=tmp_path)
    fresh = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    site = Path(
        python(str(fresh), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip()
    )
    (site / "packages_of_the_other.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python(
        sys.executable, "-m", "pip", "--python", str(fresh), "install", "--no-deps", "--no-index", "--no-build-isolation",
        str(tree), cwd=tmp_path,
    )  # fmt: skip
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTEST_ADDOPTS")}
    where = python(str(fresh), "-P", "-c", "import relucvx; print(relucvx.__file__)", cwd=tree, env=env)
    assert Path(where.strip()).is_relative_to(site)
    said = python(
        str(fresh), "-P", "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *TESTS, cwd=tree, env=env
    )
    assert " passed" in said
    assert " failed" not in said
