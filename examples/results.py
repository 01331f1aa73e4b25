"""Run the examples in full, one after the other, and write down what came of each: ``RESULTS.md``, and the gallery's figures.

    python examples/results.py            # those that have never run, or have changed since
    python examples/results.py 01 13      # these
    python examples/results.py --write    # none: the page anew, from what is stored

A run is stored in ``results.json`` as soon as it ends. What failed, or ran out of its time, is stored as that; what has not
been run is listed as not run.
"""

import argparse
import datetime
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
STORE, PAGE, FIGURES = HERE / "results.json", HERE / "RESULTS.md", HERE.parent / "docs" / "figures" / "gallery"
COLOURS = 128
"""Of a stored figure: few enough for a small file, enough for curves and heat maps."""

VERDICTS = {
    "holds: ": ("holds", "hold"),
    "does not reproduce: ": ("does not reproduce", "do not reproduce"),
    "undecided: ": ("undecided", "undecided"),
}
"""How an example begins the line of a claim, and the word for one of them and for several."""

SEEDS = {
    "01": "nothing is drawn but starts of the solver, whose answer is certified",
    "02": "training 0",
    "03": "data planted:100x3, seed 0",
    "04": "data 0",
    "05": "nothing is drawn",
    "06": "training 0 to 2",
    "07": "training 0 to 10",
    "08": "training 0 to 4; by depth 0 to 2; intervals 0",
    "09": "training 0 to 2",
    "10": "training 0 to 2; pairs of digits 0",
    "11": "training 0 to 2; intervals 0",
    "12": "training 0 to 3",
    "13": "data planted:100x3, seed 0",
    "14": "classes 0; factorial data are not drawn",
    "15": "nothing is drawn",
    "16": "data planted:30x3 and planted:20x1, seed 0",
    "17": "data planted:40x3, seed 0; training 0 to 2; sampler 0",
    "18": "training and labelled images 1 to 11; triangles, pairs and permutations 0",
    "19": "recordings 0, one stream for each geometry; halves of the trials and sets of the neurons 0",
    "20": "simulated recordings 0; draws of the nulls 0",
}
"""What is drawn at random in an example, and the seeds of it."""


def examples():
    """Number -> script, of all examples."""
    return {script.name[:2]: script for script in sorted(HERE.glob("[0-9]*.py"))}


def digest(script):
    """Which version of a script ran: the first digits of the SHA-256 of its text."""
    return hashlib.sha256(script.read_bytes()).hexdigest()[:12]


def title(script):
    """What an example asks: the first line of its docstring."""
    return script.read_text().split('"""')[1].splitlines()[0]


def takes_figures(script):
    """Whether an example draws."""
    return "--plot" in script.read_text() or "digits_nets" in script.read_text()


def stored():
    """Number -> record, of all runs so far."""
    return json.loads(STORE.read_text()) if STORE.exists() else {}


def cpu_seconds():
    """Of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(script, limit):
    """The record of one full run."""
    before = cpu_seconds()
    with tempfile.TemporaryDirectory() as folder:
        figures = ["--plot", folder] if takes_figures(script) else []
        command = [sys.executable, "-W", "error", str(script), *figures]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")]),
        }
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False, env=environment)
            code, printed, said = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired as cut:
            code, printed, said = "time", (cut.stdout or b"").decode(), f"no answer within {limit} s"
        drawn = keep_figures(script, Path(folder)) if code == 0 else []
    return {
        "script": script.name, "digest": digest(script), "exit": code, "printed": printed.replace(folder, "FOLDER"),
        "error": said.strip().splitlines()[-1:] if code != 0 else [], "figures": drawn,
        "cpu_seconds": round(cpu_seconds() - before, 1), "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": {name: version(name) for name in ("relucvx", "numpy", "scipy", "torch", "scikit-learn", "cvxpy")},
    }  # fmt: skip


def keep_figures(script, folder):
    """Names of the figures of a run, kept for the gallery with few colours."""
    from PIL import Image

    FIGURES.mkdir(parents=True, exist_ok=True)
    names = []
    for file in sorted(folder.glob("*.png")):
        name = file.name if file.name.startswith(script.name[:2]) else f"{script.name[:2]}_{file.name}"
        Image.open(file).convert("RGB").quantize(COLOURS).save(FIGURES / name, optimize=True)
        names.append(name)
    return names


def verdict(record):
    """One word or two for the table."""
    if record is None:
        return "not run"
    if record["exit"] == "time":
        return "**ran out of time**"
    if record["exit"] != 0:
        return "**failed**"
    lines = record["printed"].splitlines()
    counts = {words: sum(line.startswith(start) for line in lines) for start, words in VERDICTS.items()}
    said = [f"{n} {words[n > 1]}" for words, n in counts.items() if n]
    return ", ".join(said) or "as stated (asserted)"


def section(number, script, record):
    """What one example found, as Markdown."""
    lines = [f"## {script.stem}", "", title(script), "", f"Seeds: {SEEDS[number]}.", ""]
    if record is None:
        return [*lines, "Not run in full with this version of the package.", ""]
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    lines += [
        f"{verdict(record)}; {record['cpu_seconds']:.0f} CPU seconds, {record['date']}, script {record['digest']}, {versions}.",
        "",
    ]
    if record["error"]:
        lines += [f"`{record['error'][0]}`", ""]
    return [*lines, "```text", *(line.rstrip() for line in record["printed"].strip().splitlines()), "```", ""]


def page(records):
    """RESULTS.md."""
    lines = [
        "# What the examples found", "",
        "Full runs, written by `python examples/results.py`: what each printed, with its seeds. *As stated* means that the "
        "script asserts what its first lines say, and ended without an error. Where several claims are put to the test each "
        "has its own verdict: it *holds*, it *does not reproduce*, or the figures leave it *undecided*. A run on another "
        "processor or with other versions trains other networks from the same seeds; certified numbers stay.", "",
        "| example | seeds | verdict | CPU seconds |", "|---|---|---|---|",
    ]  # fmt: skip
    scripts = examples()
    for number, script in scripts.items():
        record = records.get(number)
        seconds = f"{record['cpu_seconds']:.0f}" if record else "–"
        lines.append(f"| [{script.stem}](#{script.stem}) | {SEEDS[number]} | {verdict(record)} | {seconds} |")
    lines.append("")
    for number, script in scripts.items():
        lines += section(number, script, records.get(number))
    return "\n".join(lines).rstrip() + "\n"


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", nargs="*", metavar="NUMBER", help="the first two digits of the examples to run")
    parser.add_argument("--write", action="store_true", help="run nothing; write the page from what is stored")
    parser.add_argument("--time-limit", type=float, default=3600.0, metavar="S", help="seconds for one example")
    args = parser.parse_args()
    records, scripts = stored(), examples()
    if unknown := set(args.numbers) - set(scripts):
        parser.error(f"no example begins with {', '.join(sorted(unknown))}; there are {', '.join(scripts)}")
    changed = [n for n, script in scripts.items() if records.get(n, {}).get("digest") != digest(script)]
    for number in [] if args.write else args.numbers or changed:
        record = run(scripts[number], args.time_limit)
        records = dict(sorted({**stored(), number: record}.items()))
        STORE.write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n")
        print(f"{scripts[number].name}: {verdict(record)}, {record['cpu_seconds']:.0f} CPU seconds", flush=True)
    PAGE.write_text(page(records))


if __name__ == "__main__":
    main()
