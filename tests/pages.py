"""The pages a reader sees, README and docs, and the blocks of code, commands and output in them."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = {str(page.relative_to(ROOT)): page for page in [README, *sorted((ROOT / "docs").rglob("*.md"))]}
FENCE = re.compile(r"^```(?:\{code-block\} )?(\w+)\n(?::caption: ([^\n]+)\n\n?)?(.*?)^```$", re.M | re.S)
NUMBER = re.compile(r"((?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w]))")


class Block(NamedTuple):
    """A fenced block: its language, the file that it is (or ""), and what it says."""

    kind: str
    caption: str
    text: str


def blocks(page):
    """Fenced blocks of a page, in order; directives of the site are none."""
    return [Block(kind, caption or "", text) for kind, caption, text in FENCE.findall(page.read_text())]


def scripts(page):
    """(Python block, the output that the page shows for it or None) of what a reader types in one session."""
    found, shown = [], None
    for block in blocks(page):
        if block.kind == "text" and shown is not None:
            found[-1] = (found[-1][0], block.text)
        shown = None
        if block.kind == "python" and not block.caption:
            found.append((block.text, None))
            shown = len(found)
    return found


def commands(page):
    """(words after ``relucvx``, exit code) of every command that a page prints."""
    return [found for block in blocks(page) for found in commands_of(block)]


def commands_of(block):
    """The same for one block."""
    lines = block.text.splitlines() if block.kind == "sh" else []
    found = [re.search(r"(?:^|&& )relucvx ([^#&]+)(?:# exits (\d))?", line) for line in lines]
    return [(f[1].split(), int(f[2] or 0)) for f in found if f]


def differences(printed, found):
    """Lines of an output that are not what a page prints; "…" alone on a line stands for any number of lines.

    Numbers of six digits or more agree to 2e-6 of themselves; seconds, counts with thousands and what is written with a
    power of ten (a gap, say) only have to be numbers; all other numbers and all words are the same.
    """
    wanted, lines = printed.rstrip().splitlines(), found.rstrip().splitlines()
    if "…" in wanted:
        cut = wanted.index("…")
        tail = wanted[cut + 1 :]
        kept = lines[: cut + 1], lines[len(lines) - len(tail) :]
        return [d for w, k in ((wanted[:cut], kept[0][:cut]), (tail, kept[1])) for d in _unlike(w, k)]
    return _unlike(wanted, lines)


def _unlike(wanted, lines):
    if len(wanted) != len(lines):
        return [f"{len(lines)} lines instead of {len(wanted)}", *lines]
    return [f"{line!r} instead of {want!r}" for want, line in zip(wanted, lines, strict=True) if not _same(want, line)]


def _same(want, line):
    a, b = NUMBER.split(want), NUMBER.split(line)
    if [x.split() for x in a[::2]] != [x.split() for x in b[::2]]:
        return False
    pairs = zip(a[1::2], b[1::2], a[2::2], strict=True)
    return all(_close(x, y, re.match(r" s\b", after)) for x, y, after in pairs)


def _close(x, y, seconds):
    if seconds or any(sign in n for n in (x, y) for sign in "e,"):
        return True
    digits = len(re.sub(r"\D", "", x))
    return abs(float(x) - float(y)) <= 2e-6 * abs(float(x)) if digits >= 6 else float(x) == float(y)


def in_shell(args, folder, root=ROOT):
    """A Python process in a folder, with the package of ``root``: exit code, output, errors."""
    paths = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, *map(str, args)], cwd=folder, env={**os.environ, "PYTHONPATH": paths},
        capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr
