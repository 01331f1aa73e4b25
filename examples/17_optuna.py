"""Tuning with a proven floor: how close does gradient training come to the best network of any width?

A tuner (Optuna) chooses width, step size and initial scale of Adam on a planted problem; what it minimises is the certified
gap of the trained networks to the global optimum. The optimum is solved once: every trial is a sweep of one cell in the same
folder, which takes it from there. And since the floor is proven, tuning knows when it is done: no setting can go below.

Optuna is no part of relucvx: pip install optuna. Without it, settings are drawn at random, which is what tuners have to beat.
"""

import argparse
import importlib.util
import statistics
import tempfile
from pathlib import Path

import numpy as np

import relucvx as rx

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--quick", action="store_true", help="few trials")
parser.add_argument("--plot", type=Path, metavar="FOLDER", help="write the figure there")
parser.add_argument(
    "--cells", type=Path, metavar="FOLDER", help="keep the cells there, and go on with those that are there"
)
options = parser.parse_args()

TRIALS, STEPS, GOAL = (4, 50, 1e-2) if options.quick else (40, 400, 1e-4)
folder = options.cells or Path(tempfile.mkdtemp())


def gap(width, rate, scale):
    """The median certified gap over three seeds."""
    found = rx.sweep(
        "planted:40x3",
        beta_fraction=0.05,
        width=width,
        seeds=3,
        training={"optimizer": "adam", "learning_rate": rate, "init_scale": scale, "max_steps": STEPS},
        out=folder,
        n_jobs=1,
    )
    optimum, *runs = found.rows
    assert optimum["certified"]
    # weak duality: no network of any width is below the floor
    assert all(run["upper"] >= optimum["lower"] for run in runs)
    return statistics.median(run["rel_gap"] for run in runs)


def tuned():
    """Gaps in the order of the trials, by Optuna."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial):
        width = trial.suggest_int("width", 2, 64, log=True)
        rate = trial.suggest_float("rate", 1e-4, 1.0, log=True)
        return gap(width, rate, trial.suggest_float("scale", 0.1, 3.0, log=True))

    def stop_at_the_goal(study, trial):
        if trial.value <= GOAL:
            study.stop()

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, n_trials=TRIALS, callbacks=[stop_at_the_goal])
    print("best of Optuna:", {name: round(value, 4) for name, value in study.best_params.items()})
    return [trial.value for trial in study.trials]


def drawn():
    """The same with settings at random."""
    rng, found = np.random.default_rng(0), []
    while len(found) < TRIALS and min(found, default=1.0) > GOAL:
        width, rate, scale = np.exp(rng.uniform(np.log([2, 1e-4, 0.1]), np.log([64, 1.0, 3.0])))
        found.append(gap(round(width), float(rate), float(scale)))
    return found


installed = importlib.util.find_spec("optuna") is not None
gaps = tuned() if installed else drawn()
print(
    f"{'Optuna' if installed else 'at random (pip install optuna)'}: {len(gaps)} trials, smallest gap {min(gaps):.2g}"
)
table = rx.load_sweep(folder)
print(
    f"{len(table.optima)} optimum solved for {len(table) - 1} trained networks; all of it certified: {table.certified}"
)
assert len(table.optima) == 1

if options.plot:
    from matplotlib.figure import Figure

    options.plot.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(6.0, 3.8), layout="constrained")
    ax = figure.subplots()
    ax.semilogy(range(1, len(gaps) + 1), gaps, "o", markersize=4, label="median of three seeds")
    ax.semilogy(range(1, len(gaps) + 1), np.minimum.accumulate(gaps), "-", label="best so far")
    ax.axhline(GOAL, color="0.5", linestyle=":", label="goal")
    ax.set_xlabel("trial")
    ax.set_ylabel("certified gap to the optimum")
    ax.set_title("Optuna" if installed else "settings at random", fontsize="medium")
    ax.legend(fontsize="small")
    figure.savefig(options.plot / "optuna.png", dpi=150)
