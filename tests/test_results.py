"""Files are old or new, never parts; what cannot be written is said before the work."""

import errno
import os
import stat
import subprocess
import sys

import numpy as np
import pytest

from relucvx.errors import DataFileError
from relucvx.results import (
    append_line,
    check_writable,
    only_writer,
    replacing,
    whole_lines,
    write_arrays,
    write_figure,
    write_text,
)


def test_what_fails_halfway_leaves_the_old_file(tmp_path):
    file = tmp_path / "a.txt"
    write_text(file, "old")

    def fail(error):
        with replacing(file) as stream:
            stream.write(b"half")
            raise error

    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error):
            fail(error)
        assert file.read_text() == "old"
    write_text(file, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert file.read_text() == "new"


def test_a_full_disk_is_said_and_leaves_the_old_file(tmp_path):
    file = tmp_path / "a.npz"
    write_arrays(file, {"x": np.arange(3)})
    with pytest.raises(DataFileError, match="the disk is full"), replacing(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with np.load(file) as found:
        assert found["x"].tolist() == [0, 1, 2]


def test_links_are_followed_and_permissions_kept(tmp_path):
    file, link = tmp_path / "a.txt", tmp_path / "link.txt"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    assert write_text(link, "new") == link
    assert link.is_symlink()
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_devices_are_not_replaced():
    check_writable("/dev/null")
    write_text("/dev/null", "gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_device_that_is_full():
    with pytest.raises(DataFileError, match="the disk is full"):
        write_text("/dev/full", "x" * 100_000)


def test_long_names_can_be_written(tmp_path):
    file = tmp_path / ("n" * 250 + ".txt")
    check_writable(file)
    assert write_text(file, "x").read_text() == "x"


def test_what_cannot_be_written_is_refused_before(tmp_path):
    for path, why in (
        (tmp_path / "none" / "a.txt", f"the folder does not exist; try: mkdir -p {tmp_path / 'none'}"),
        (tmp_path, "a file to write"),
        (tmp_path / ("n" * 300), "the name is too long"),
        ("/proc/a.txt", "received /proc/a.txt"),
    ):
        with pytest.raises(DataFileError, match=why):
            check_writable(path)
        with pytest.raises(DataFileError):
            write_text(path, "x")
    check_writable(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


def test_figures_are_written_in_the_format_of_the_name(tmp_path):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1, 1))
    assert write_figure(tmp_path / "a.PNG", figure, 50).read_bytes().startswith(b"\x89PNG")
    assert write_figure(tmp_path / "a.pdf", figure, 50).read_bytes().startswith(b"%PDF")


def test_lines_are_whole_or_not_there(tmp_path):
    file = tmp_path / "lines"
    assert whole_lines(file) == []
    append_line(file, "one")
    append_line(file, "zwei ä")
    assert whole_lines(file) == ["one", "zwei ä"]
    with file.open("ab") as stream:
        stream.write(b'{"torn": ')
    assert whole_lines(file) == ["one", "zwei ä"]
    append_line(file, "three")
    append_line(file, "four")
    assert whole_lines(file) == ["one", "zwei ä", "three", "four"]
    with pytest.raises(DataFileError, match="the folder does not exist"):
        append_line(tmp_path / "none" / "lines", "x")


HOLD = """
import sys
from relucvx.results import only_writer
with only_writer(sys.argv[1], "a folder"):
    print("in", flush=True)
    sys.stdin.read()
"""


def test_one_writer_at_a_time_and_none_after_a_kill(tmp_path):
    file = tmp_path / "lock"
    alone = pytest.raises(DataFileError, match="a folder that nobody else writes to")
    with only_writer(file, "a folder"), alone, only_writer(file, "a folder"):
        pass
    run = subprocess.Popen([sys.executable, "-c", HOLD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert run.stdout.readline() == b"in\n"
    with pytest.raises(DataFileError, match="another run is at work there"), only_writer(file, "a folder"):
        pass
    run.kill()
    run.communicate()
    with only_writer(file, "a folder"):
        pass
    with pytest.raises(DataFileError, match="the folder does not exist"), only_writer(tmp_path / "none" / "lock", "x"):
        pass
