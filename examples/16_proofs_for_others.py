"""A proof that a reader checks with nothing but Python: written, checked in a process without packages, and tampered with.

The figure shows why a proof is finite. On the left the dual norm of one feature and a bias, around the circle of directions:
cones are narrow where it comes near beta. On the right what a tighter bound costs: cones against the room that is given away.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import relucvx as rx
from relucvx.certificate import check_proof

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--quick", action="store_true", help="fewer samples")
parser.add_argument("--plot", type=Path, metavar="FOLDER", help="write the figure there")
options = parser.parse_args()

folder = Path(tempfile.mkdtemp())
file = folder / "proof.json"

data = rx.datasets.get("planted:10x2" if options.quick else "planted:30x3")
beta = 0.1 * rx.beta_max(data.X, data.Y, bias="hidden")[0]
sol = rx.solve(data.X, data.Y, beta, bias="hidden", tol=1e-9)
table = []
for room in (1e-2, 1e-4, 1e-6, 2e-7):
    proof = rx.write_proof(sol, file, room=room)
    table.append((room, proof.rel_gap, proof.cones))
    print(f"room {room:7.0e}: gap {proof.rel_gap:7.1e}, {proof.cones:6,} cones, {file.stat().st_size / 1e3:7.1f} kB")
assert proof.rel_gap < 1e-6

# -I -S: Python without any package, this one included
command = [sys.executable, "-I", "-S", check_proof.__file__, file]
done = subprocess.run(command, capture_output=True, text=True, check=True)
print(f"\n$ python check_proof.py proof.json\n{done.stdout}")

# somebody makes the first sample count twice
lines = file.read_text().split("\n")
lines[2] = lines[2].replace('"weight":1', '"weight":2')
file.write_text("\n".join(lines))
done = subprocess.run(command, capture_output=True, text=True, check=False)
print(f"with another weight of the first sample: {done.stdout}")
assert done.returncode == 1


def leaves(text):
    """The cones of a proof's leaves, replayed from its records."""
    records = [json.loads(line.rstrip(","))[1] for line in text.split("\n")[1:-2]]
    at = next(k for k, record in enumerate(records) if "axes" in record)
    stated = check_proof.check(text).problem
    point = [[check_proof.number(t) for t in record["dual"]] for record in records[:at] if "dual" in record]
    centre = [check_proof.number(t) for t in records[at]["centre"]]
    form = check_proof.make_form(stated, point, records[at]["axes"], centre, records[at]["shift"], 0)
    tree = iter(records[at + 1 :])
    for start in check_proof.starts(form):
        stack = [start]
        while stack:
            cone, record = stack.pop(), next(tree)
            if isinstance(record[0], int):
                stack.extend(reversed(check_proof.split(form, cone, *record)))
            else:
                yield np.array([[float(t) for t in g] for g in cone.generators]), point


if options.plot:
    from matplotlib.figure import Figure

    options.plot.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    x = rx.datasets.get("planted:20x1")
    beta = 0.2 * rx.beta_max(x.X, x.Y, bias="hidden")[0]
    rx.write_proof(rx.solve(x.X, x.Y, beta, bias="hidden", tol=1e-9), file)
    ends = [np.sort(np.degrees(np.unwrap(np.arctan2(G[:, 1], G[:, 0])))) for G, _ in leaves(file.read_text())]
    point = np.array([[float(t) for t in row] for row in next(leaves(file.read_text()))[1]])
    angle = np.linspace(-180, 180, 4001)
    w = np.stack([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    norm = np.abs(point.T @ np.maximum(np.column_stack([x.X, np.ones(len(x.X))]) @ w, 0.0))[0] / beta
    for end in sorted({round((e + 180.0) % 360.0 - 180.0, 9) for pair in ends for e in pair}):
        left.axvline(end, color="0.8", linewidth=0.7)
    left.plot(angle, norm, color="tab:blue", linewidth=1.5)
    left.axhline(1.0, color="tab:red", linewidth=1)
    left.set(xlim=(-180, 180), xticks=range(-180, 181, 90), ylim=(0, 1.08))
    left.set(xlabel="direction of (w, b), degrees", ylabel="|F(w)| / beta")
    left.set_title(f"{len(ends)} cones cover the circle, none of them above beta", fontsize=10)
    rooms, gaps, cones = zip(*table, strict=True)
    right.semilogx(gaps, cones, "o-", color="tab:blue")
    right.set(xlabel="relative gap of the exact bounds", ylabel="cones", ylim=(0, 1.1 * max(cones)))
    right.set_title("what a tighter proof takes", fontsize=10)
    right.invert_xaxis()
    figure.savefig(options.plot / "proofs_for_others.png", dpi=150)
