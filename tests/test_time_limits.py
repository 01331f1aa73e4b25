"""Whatever can be long takes ``time_limit``, and on the command line ``--time-limit``; the others say why they need none."""

import inspect
import signal
import threading
import time

import command_line
import numpy as np
import pytest
import typer
from test_doors import DOORS, name_of

import relucvx as rx
from relucvx import datasets, kernel, limits, metrics
from relucvx.cli import app
from relucvx.deadline import Deadline, OutOfTime, ruled
from relucvx.errors import Interrupted, InvalidInputError, TimeLimitError
from relucvx.program import conventions

CLOSED = "one formula, or one small decomposition, of a matrix that is there"
MADE = "data are made at the price of writing them down"
READ = "reads a file once"
VALUE = "a value: what is given is checked and kept"
TURNED = "a network is rewritten, at the price of copying it"

QUICK = {
    rx.for_each: "the time is that of the function called, which takes its own limit",
    rx.load: READ, rx.load_band: READ, rx.load_sweep: READ, datasets.load: READ, datasets.load_idx: READ,
    datasets.read_recording: READ, datasets.read_table: READ,
    rx.predict: "one pass of a network over a table",
    rx.cite: "looks up a reference",
    rx.count_patterns: "a sum of binomials", metrics.cover_count: "a sum of binomials",
    rx.make_problem: VALUE, rx.ConvexProgram: VALUE, rx.InterpolationProgram: VALUE, rx.GatedRelaxation: VALUE,
    rx.PooledReLU: VALUE, rx.TwoLayerReLU: VALUE, rx.ParallelReLU: VALUE, rx.DeepNetwork: VALUE, datasets.Dataset: VALUE,
    metrics.Recording: VALUE,
    metrics.RegionTracker: "measures when a training loop calls it, as many segments as it was made for",
    rx.recover_network: TURNED, rx.lift_network: TURNED, rx.balance: TURNED, rx.merge: TURNED, rx.prune: TURNED,
    rx.from_sklearn: TURNED, rx.from_torch: TURNED, rx.to_torch: TURNED,
    rx.representation_kernel: "one pass of a network, and one product",
    rx.patches: "a view of images, copied once",
    metrics.condition_averages: "one mean for each condition", metrics.noise_ceiling: "correlations of a few vectors",
    metrics.holm: "sorts a list", metrics.scale: "looks up a range", metrics.suggested_cut: "reads a table",
    metrics.hamming_convex: "compares the codes of one walk", metrics.space_folding: "counts along one walk",
    metrics.input_map: "one product of matrices for each layer",
    metrics.neuron_tuning: "one regression on a few factors",
    metrics.plot_profile: "draws a table", metrics.plot_slice: "draws a slice that was cut",
    kernel.kernel_distance: CLOSED, kernel.whitened: CLOSED, kernel.energy: CLOSED, kernel.first_variation: CLOSED,
    kernel.optimal_readout: CLOSED, kernel.predict: CLOSED, kernel.predict_one_hot: CLOSED, kernel.predict_scalar: CLOSED,
    kernel.predict_svd: CLOSED, kernel.predict_factorial: CLOSED, kernel.predict_deep_linear: CLOSED,
    kernel.predict_deep_one_hot: CLOSED, kernel.optimal_family: CLOSED, kernel.factorial_network: CLOSED,
    kernel.factorial_rotation_network: CLOSED, kernel.edge_class_network: CLOSED,
    datasets.suggest_beta: CLOSED, datasets.standardize_columns: CLOSED, datasets.inputs_from_kernel: CLOSED,
    datasets.degenerate_bank: MADE, datasets.cantor_function: MADE, datasets.cantornet: MADE, datasets.sawtooth: MADE,
    datasets.get: MADE, datasets.recording: MADE, datasets.graphs: MADE, datasets.images: MADE, datasets.sequences: MADE,
    datasets.class_labels: MADE, datasets.factorial: MADE, datasets.factorial_kernel: MADE, datasets.planted: MADE,
    datasets.spiral: MADE, datasets.whitened: MADE,
    **{f: "one quotient" for _, f in inspect.getmembers(conventions, inspect.isfunction) if f in DOORS},
}  # fmt: skip
"""Public functions without a limit, and why they need none."""


def takes_a_limit(door):
    """Whether a front door has the argument, or hands it on with its options."""
    names = inspect.signature(door).parameters
    handed_on = any(p.kind is p.VAR_KEYWORD for p in names.values()) and "time_limit" in DOORS[door]()
    return "time_limit" in names or handed_on


def test_every_door_takes_a_limit_or_says_why_it_needs_none():
    silent = [name_of(door) for door in DOORS if not takes_a_limit(door) and door not in QUICK]
    assert silent == [], "with time_limit= (relucvx.limits.timed), or a reason in QUICK"
    assert [name_of(door) for door in QUICK if door not in DOORS or takes_a_limit(door)] == []


TIMED = [d for d in DOORS if not inspect.isclass(d) and getattr(d, "is_timed", False)]
"""Those that cut their work into an error, or into a partial answer."""


def test_most_long_doors_are_timed():
    assert len(TIMED) >= 40
    assert {metrics.forecast, metrics.cut_and_refit, metrics.linear_probe, metrics.line_regions} <= set(TIMED)


@pytest.mark.parametrize("door", TIMED, ids=name_of)
def test_a_limit_that_is_over_leaves_no_answer_from_cut_work(door, monkeypatch, tmp_path):
    def late(work, patience, stop):
        stop()
        raise OutOfTime

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(limits, "aside", late)
    arguments = DOORS[door]()
    with pytest.raises(InvalidInputError, match="time_limit to be a finite number > 0"):
        door(**{**arguments, "time_limit": -1.0})
    with pytest.raises(TimeLimitError, match=f"{door.__name__} to end within 1e-09 s"):
        door(**{**arguments, "time_limit": 1e-9})


LOOKING = [
    metrics.graph_convexity, metrics.euclidean_convexity, metrics.ccgp, metrics.decoding_dimension, metrics.separability,
    metrics.two_nn, metrics.linear_probe, metrics.mutual_knn, metrics.layer_similarity, metrics.forecast,
    metrics.cut_and_refit, metrics.class_folding, metrics.folding, metrics.folding_curve, metrics.largest_folding,
    metrics.line_regions, metrics.linear_regions, metrics.slice_regions, kernel.minimize_energy, rx.enumerate_patterns,
]  # fmt: skip
"""Loops in Python, which look at the clock themselves: nothing is left running behind."""


@pytest.mark.parametrize("door", LOOKING, ids=name_of)
def test_long_loops_look_at_the_clock(door):
    with ruled(Deadline(0.0)), pytest.raises(OutOfTime):
        door(**DOORS[door]())


class Looks(Deadline):
    """Over once somebody has looked so many times: no clock, so that a busy machine changes nothing."""

    __slots__ = ("n",)

    def __init__(self, n):
        super().__init__(1e6)
        self.n = n

    def passed(self):
        self.n -= 1
        return self.n < 0


def test_partial_answers_say_what_is_missing():
    rng = np.random.default_rng(0)
    found = metrics.layer_similarity([np.eye(2)] * 5, metric=lambda A, B: 1.0, time_limit=Looks(7))
    assert np.isnan(found.matrix).sum() == 18
    assert "18 of 25 pairs are missing" in found.note
    with ruled(Looks(7)), pytest.raises(OutOfTime):  # whoever set that limit did not ask for a part
        metrics.layer_similarity([np.eye(2)] * 5, metric=lambda A, B: 1.0)
    net = rx.DeepNetwork([rng.standard_normal(shape) for shape in ((2, 20), (20, 20), (20, 1))])
    samples = rng.standard_normal((9, 2))
    whole = metrics.largest_folding(net, samples, rng=0)
    cut = metrics.largest_folding(net, samples, rng=0, time_limit=Looks(12))
    assert whole.exhaustive
    assert whole.n_segments == 36
    assert not cut.exhaustive
    assert 0 < cut.n_segments < 36
    assert cut.chi <= whole.chi
    patterns = rx.sample_patterns(rng.standard_normal((60, 8)), 10**5, 0, time_limit=Looks(0))
    assert 0 < len(patterns.patterns) < 10**5
    assert not patterns.complete


QUICK_VERBS = {
    "predict": "one pass of a network over a table",
    "warmup": "compiles what there is, once",
    "sweep": "the file of its settings has time_limit",
}
"""Commands without --time-limit, and why."""


def test_every_command_takes_a_limit_or_says_why_it_needs_none():
    commands = typer.main.get_command(app).commands
    without = {
        n for n, command in commands.items() if "--time-limit" not in {o for p in command.params for o in p.opts}
    }
    assert without == set(QUICK_VERBS)


def test_commands_that_run_out_of_time_say_so_with_code_2(tmp_path):
    code, out, err = command_line.run("patterns", "iris", "--samples", 12, "--time-limit", "1e-9")
    assert (code, out) == (2, "")
    assert "expected enumerate_patterns to end within 1e-09 s" in err
    assert "try: a larger --time-limit" in err
    code, out, _ = command_line.run(
        "verify", "spike-free-z-matrix", "null-network", "--trials", 5, "--time-limit", "1e-9"
    )
    assert code == 2
    assert "INTERRUPTED: 1 cut short, 1 not begun" in out
    options = ("regions", "iris", "--depth", 1, "--width", 3, "--epochs", 1, "--paths", 1, "--plane", "0,1")
    code, _, err = command_line.run(*options, "--time-limit", "1e-9")
    assert code == 2
    assert "slice_regions to end within" in err
    assert command_line.run(*options, "--time-limit", "1000")[0] == 0
    assert "--time-limit" in command_line.refused(*options, "--time-limit", "0")


def test_ctrl_c_leaves_a_long_door_at_once():
    rng = np.random.default_rng(0)
    Z, labels = rng.standard_normal((3000, 20)), rng.integers(0, 2, 3000)
    pressed = []

    def press():
        time.sleep(0.3)
        pressed.append(time.perf_counter())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    for options in ({}, {"time_limit": 1000.0}):
        threading.Thread(target=press, daemon=True).start()
        with pytest.raises(Interrupted):
            metrics.graph_convexity(Z, labels, n_pairs=None, **options)
        assert time.perf_counter() - pressed[-1] < 5.0
