"""The optimum at every strength, certified: a lower and an upper curve from a few solved strengths.

Each network is a line loss + beta · penalty above p*(beta), which is therefore concave: chords of proven points lie below.
Between two strengths blends of the two networks and mixtures of the two dual points are proven without being solved for.
Certified solves at fresh strengths, which the band has not seen, must agree with it.
"""

import argparse
from pathlib import Path

import numpy as np

import relucvx as rx

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--quick", action="store_true", help="fewer samples, and a wider band")
parser.add_argument("--plot", type=Path, metavar="FOLDER", help="write the figure there")
options = parser.parse_args()

data = rx.datasets.get("planted:30x3" if options.quick else "planted:100x3")
tol, fresh = (1e-2, 5) if options.quick else (1e-3, 20)
lo, hi = rx.beta_max(data.X, data.Y)
band = rx.beta_band(data.X, data.Y, 0.01 * hi, hi, tol=tol)
print(f"{data}\n{band}\n")
print("     beta    lower bound    upper bound   solved by itself")
inside = True
for beta in np.geomspace(band.lo, band.hi, fresh + 2)[1:-1]:
    sol = rx.solve(data.X, data.Y, beta)
    inside &= band.lower(beta) <= sol.certificate.upper and band.upper(beta) >= sol.certificate.lower
    print(f"{beta:9.4f}  {band.lower(beta):13.8f}  {band.upper(beta):13.8f}  {sol.objective:13.8f}")
assert inside
assert band.status is rx.Status.CONVERGED
print(
    f"\nAt every beta of [{band.lo:.4g}, {band.hi:.4g}] p* is known to {band.width:.1e}, from {len(band.knots)} solves."
)

if options.plot:
    from matplotlib.figure import Figure

    options.plot.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    # wide on purpose: the narrow one is a line
    coarse = rx.beta_band(data.X, data.Y, 0.01 * hi, hi, tol=0.2)
    coarse.plot(left).set_title(f"tol = {coarse.tol:g}")
    band.plot(right, width=True).set_title(f"tol = {band.tol:g}")
    figure.savefig(options.plot / "every_beta.png", dpi=150)
