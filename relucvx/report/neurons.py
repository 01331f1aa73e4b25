"""Where the neurons lie, and the landscape that decides where they may: ||Nᵀ phi(Xw)|| over all directions w."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.errors import UnsupportedError, explain
from relucvx.later import later
from relucvx.network import TwoLayerReLU
from relucvx.program.problem import Problem
from relucvx.report.comparison import Comparison
from relucvx.report.figures import EDGE, FLOOR, GRID, INK, NET, OPTIMUM, PAPER, QUIET, RUN, WALL, new_axes
from relucvx.tolerances import DEAD
from relucvx.types import Array

patheffects = later("matplotlib.patheffects")

WALLS = 80
"""Most samples whose walls {w : x·w = 0} are drawn."""

SAME = float(np.cos(np.deg2rad(3.0)))
"""Cosine from which neurons are drawn as one: an angle of three degrees."""

BLOCK = 100_000
"""Directions times samples of one step over many directions."""


def dual_values(problem: Problem, dual: Array, directions: Array) -> Array:
    """||Nᵀ phi(Xa w)|| / ||w|| for each row w of ``directions`` (k, D), ||w|| without a free bias; shape (k,).

    At the optimal dual point the maximum is beta, and every neuron of every optimum attains it.

    Notes
    -----
    Status: theorem (a definition). Source: [pilanci-ergen-2020]
    """
    size = np.linalg.norm(directions[:, : problem.penalized], axis=1)
    step, M = (
        max(1, BLOCK // problem.n_rows),
        problem.spread(dual),
    )  # a map of the sphere has tens of thousands of directions
    inner = [
        np.linalg.norm(problem.activation(directions[at : at + step] @ problem.inputs.T) @ M, axis=1)
        for at in range(0, len(directions), step)
    ]
    return np.concatenate([*inner, np.zeros(0)]) / np.where(size > 0, size, np.inf)


def plot_neurons(comparison: Comparison, ax: Any = None) -> Any:
    """Neurons of the optimum and of the best run, weights augmented by the bias.

    Two coordinates: in the plane, at distance ||w||·||v||, with the samples' walls. Three: on the sphere, in an equal-area
    map (poles: the last coordinate). More: directions in the principal plane of the optimum's. Areas are ||w||·||v||; neurons
    within three degrees are drawn as one.
    """
    problem = comparison.problem
    best = None if comparison.best is None else comparison.networks[comparison.best]
    sets = [(comparison.subject, OPTIMUM, *_directions(problem, comparison.solution.inner))]
    if best is not None and comparison.best is not None:
        sets.append((f"best run ({comparison.rows[comparison.best].name})", RUN, *_directions(problem, best)))
    top = max((float(size.max()) for _, _, W, size in sets if len(W)), default=1.0)
    drawing = {1: _on_line, 2: _in_plane, 3: _on_sphere}.get(problem.n_inputs, _in_principal_plane)
    ax = new_axes(7.2 if problem.n_inputs == 3 else 5.4, 4.6) if ax is None else ax
    project = drawing(problem, ax, sets, top, coordinates(comparison))
    for name, colour, W, size in sets:
        points = project(W, size)
        # hollow, so that what lies beneath stays visible
        hollow = colour == RUN
        style = {"facecolors": "none" if hollow else colour, "edgecolors": colour, "linewidths": 1.5 if hollow else 0.6}
        ax.scatter(points[:, 0], points[:, 1], s=25 + 160 * size / top, zorder=3 + hollow, label=name, **style)
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.1)
    return ax


def plot_landscape(comparison: Comparison, ax: Any = None) -> Any:
    """||Nᵀ phi(Xw)|| / beta over all directions w at the certified dual point N, for up to three coordinates.

    It nowhere exceeds 1 (that is the proof), and the neurons of the optimum lie where it is 1.

    Raises
    ------
    UnsupportedError
        For more than three coordinates (bias included).
    """
    problem = comparison.problem
    if problem.n_inputs > 3:
        raise UnsupportedError(
            explain("at most 3 input coordinates, bias included", f"{problem.n_inputs}", "", "plot_neurons(comparison)")
        )
    wide = problem.n_inputs == 3
    ax = new_axes(7.2 if wide else 6.0, 4.4) if ax is None else ax
    if wide and problem.bias.is_free:
        return _free_map(comparison, ax)
    if wide:
        return _sphere_map(comparison, ax)
    return _free_curves(comparison, ax) if problem.bias.is_free else _circle_curve(comparison, ax)


def _directions(problem: Problem, network: TwoLayerReLU) -> tuple[Array, Array]:
    """Unit augmented directions of the neurons alive and their ||w||·||v||, largest first."""
    W, _, _ = problem.neurons(network)
    size = network.neuron_norms(not problem.bias.is_free)
    norms = np.linalg.norm(W, axis=1)
    keep = (size > max(DEAD.value, 1e-6) * size.max(initial=0.0)) & (norms > 0)  # a smaller dot would not be seen
    order = np.argsort(-size[keep], kind="stable")
    return _together((W[keep] / norms[keep, None])[order], size[keep][order])


def _together(W: Array, size: Array) -> tuple[Array, Array]:
    """Unit directions closer than SAME to a larger one join it: they would be drawn on top of each other."""
    leaders: list[Array] = []
    sums: list[float] = []
    for w, s in zip(W, size, strict=True):
        near = [float(w @ v) for v in leaders]
        if near and max(near) > SAME:
            sums[int(np.argmax(near))] += float(s)
        else:
            leaders.append(w)
            sums.append(float(s))
    return np.array(leaders).reshape(-1, W.shape[1]), np.array(sums)


def hammer(W: Array) -> Array:
    """Equal-area map of unit vectors (k, 3) to an ellipse of half axes 2 sqrt 2 and sqrt 2; shape (k, 2).

    Longitude is the angle of the first two coordinates, latitude that of the third.
    """
    longitude = np.arctan2(W[:, 1], W[:, 0])
    latitude = np.arcsin(np.clip(W[:, 2], -1.0, 1.0))
    scale = np.sqrt(1.0 + np.cos(latitude) * np.cos(longitude / 2))
    x = 2 * np.sqrt(2) * np.cos(latitude) * np.sin(longitude / 2) / scale
    return np.column_stack([x, np.sqrt(2) * np.sin(latitude) / scale])


def coordinates(comparison: Comparison) -> list[str]:
    """What the coordinates of an input weight are called: features by name or number, and the bias."""
    problem, given = comparison.problem, comparison.names.features
    # a dollar would begin a formula
    names = [name.replace("$", r"\$") for name in given] or [f"$w_{k + 1}$" for k in range(problem.n_features)]
    return [*names, "bias"] if problem.bias.has_hidden else names


def _on_line(problem: Problem, ax: Any, sets: Any, top: float, names: list[str]) -> Any:
    ax.axhline(0.0, color=QUIET, lw=0.8)
    ax.set_yticks([])
    ax.set_xlabel(f"{names[0]}, at distance $\\|w\\|\\,\\|v\\|$")
    return lambda W, size: np.column_stack([W[:, 0] * size, np.zeros(len(W))])


def _in_plane(problem: Problem, ax: Any, sets: Any, top: float, names: list[str]) -> Any:
    rows = problem.inputs[:: max(1, -(-len(problem.inputs) // WALLS))]
    for x in rows[np.linalg.norm(rows, axis=1) > 0]:
        # a sample's wall is perpendicular to it
        along = np.array([-x[1], x[0]]) / np.linalg.norm(x) * 1.12 * top
        ax.plot([-along[0], along[0]], [-along[1], along[1]], color=WALL, lw=0.6, zorder=1)
    first, second = names
    ax.set_xlabel(f"{first}, at distance $\\|w\\|\\,\\|v\\|$")
    ax.set_ylabel(second)
    ax.set_xlim(-1.2 * top, 1.2 * top)
    ax.set_ylim(-1.2 * top, 1.2 * top)
    ax.set_aspect("equal")
    return lambda W, size: W * size[:, None]


def _on_sphere(problem: Problem, ax: Any, sets: Any, top: float, names: list[str]) -> Any:
    _graticule(ax, names)
    for x in problem.inputs[:: max(1, -(-len(problem.inputs) // WALLS))]:
        _wall(ax, x)
    return lambda W, size: hammer(W)


def _in_principal_plane(problem: Problem, ax: Any, sets: Any, top: float, names: list[str]) -> Any:
    # the plane of the optimum's neurons, or of the run's where the optimum has none
    W, size = next(((W, size) for _, _, W, size in sets if len(W)), (np.eye(problem.n_inputs)[:2], np.ones(2)))
    # weighted by size, so that small neurons do not turn the plane
    _, _, axes = np.linalg.svd(W * np.sqrt(size)[:, None], full_matrices=True)
    turn = np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(turn), np.sin(turn), color=QUIET, lw=0.8, zorder=1)
    ax.axhline(0.0, color=GRID, lw=0.6, zorder=0)
    ax.axvline(0.0, color=GRID, lw=0.6, zorder=0)
    ax.set_aspect("equal")
    ax.set_xticks([-1.0, -0.5, 0.0, 0.5, 1.0])
    ax.set_yticks([-1.0, -0.5, 0.0, 0.5, 1.0])
    ax.set_xlabel(f"first principal direction of the neurons ({problem.n_inputs} coordinates)")
    ax.set_ylabel("second")
    return lambda V, _: V @ axes[:2].T


def _graticule(ax: Any, names: list[str]) -> None:
    turn, arc = np.linspace(-np.pi, np.pi, 181), np.linspace(-np.pi / 2, np.pi / 2, 91)
    for latitude in np.deg2rad([-60, -30, 0, 30, 60]):
        line = hammer(_unit(turn, np.full_like(turn, latitude)))
        ax.plot(*line.T, color=NET, lw=0.5, zorder=1)
    for longitude in np.deg2rad([-180, -90, 0, 90, 180]):
        # just inside ±180 degrees, which are one meridian: rounding would put points on either edge of the map
        line = hammer(_unit(np.full_like(arc, longitude * (1 - 1e-9)), arc))
        ax.plot(
            *line.T,
            color=NET if abs(longitude) < 3 else INK,
            lw=0.5 if abs(longitude) < 3 else 1.0,
            zorder=2,
        )
    for text, x, y, where in (
        (f"+{names[2]}", 0, 1.46, ("center", "bottom")), (f"−{names[2]}", 0, -1.46, ("center", "top")),
        (f"+{names[0]}", 0.04, 0.03, ("left", "bottom")), (f"−{names[0]}", 2.88, 0, ("left", "center")),
        (f"−{names[0]}", -2.88, 0, ("right", "center")), (f"+{names[1]}", 1.57, 0.03, ("left", "bottom")),
        (f"−{names[1]}", -1.49, 0.03, ("left", "bottom")),
    ):  # fmt: skip
        label = ax.text(x, y, text, ha=where[0], va=where[1], color=INK, fontsize=9.5, zorder=6)
        label.set_path_effects([patheffects.withStroke(linewidth=2.5, foreground=PAPER)])
    ax.set_aspect("equal")
    ax.set_axis_off()


def _unit(longitude: Array, latitude: Array) -> Array:
    c = np.cos(latitude)
    return np.column_stack([c * np.cos(longitude), c * np.sin(longitude), np.sin(latitude)])


def _wall(ax: Any, x: Array) -> None:
    """The great circle of directions orthogonal to x."""
    if np.linalg.norm(x) == 0:
        return
    _, _, basis = np.linalg.svd(x[None, :])
    turn = np.linspace(0, 2 * np.pi, 361)[:, None]
    circle = hammer(np.cos(turn) * basis[1] + np.sin(turn) * basis[2])
    jumps = np.abs(np.diff(circle[:, 0])) > 1.0
    circle[1:][jumps] = np.nan
    ax.plot(*circle.T, color=WALL, lw=0.5, zorder=1)


def _scale(comparison: Comparison, W: Array) -> Array:
    return dual_values(comparison.problem, comparison.solution.dual, W) / comparison.problem.beta


def _marks(comparison: Comparison) -> Array:
    return _directions(comparison.problem, comparison.solution.inner)[0]


def _circle_curve(comparison: Comparison, ax: Any) -> Any:
    problem = comparison.problem
    # one coordinate has two directions and no curve
    if problem.n_inputs == 1:
        ax.bar([-1, 1], _scale(comparison, np.array([[-1.0], [1.0]])), width=0.5, color=OPTIMUM)
        ax.set_xticks([-1, 1], ["w < 0", "w > 0"])
    else:
        angle = np.linspace(-np.pi, np.pi, 1441)
        ax.plot(
            np.rad2deg(angle),
            _scale(comparison, np.column_stack([np.cos(angle), np.sin(angle)])),
            color=OPTIMUM,
            lw=1.6,
        )
        W = _marks(comparison)
        ax.scatter(
            np.rad2deg(np.arctan2(W[:, 1], W[:, 0])), _scale(comparison, W), color=OPTIMUM, s=46, zorder=4,
            label=f"neurons: {comparison.subject}",
        )  # fmt: skip
        ax.set_xticks([-180, -90, 0, 90, 180])
        first, second = coordinates(comparison)
        ax.set_xlabel(f"direction of the neuron, degrees ({first} at 0, {second} at 90)")
    return _level(ax)


def _free_curves(comparison: Comparison, ax: Any) -> Any:
    # a free bias is not counted in the norm: w is ±1, and the bias is a coordinate of its own
    x = comparison.problem.X[:, 0]
    name = coordinates(comparison)[0]
    reach = np.linspace(-1.2, 1.2, 1201) * max(float(np.abs(x).max()), 1e-300)
    for sign, style in ((1.0, "-"), (-1.0, "--")):
        W = np.column_stack([np.full_like(reach, sign), reach])
        ax.plot(
            reach, _scale(comparison, W), style, color=OPTIMUM, lw=1.6, label=f"{name} {'>' if sign > 0 else '<'} 0"
        )
    W = _marks(comparison)
    # neurons of a bias alone have no place on this axis
    W = W[np.abs(W[:, 0]) > 1e-12]
    ax.scatter(
        W[:, 1] / np.abs(W[:, 0]), _scale(comparison, W), color=OPTIMUM, s=46, zorder=4,
        label=f"neurons: {comparison.subject}",
    )  # fmt: skip
    ax.set_xlim(reach[0], reach[-1])
    ax.set_xlabel(f"bias / |{name}|")
    return _level(ax)


def _level(ax: Any) -> Any:
    ax.axhline(1.0, color=FLOOR, lw=1.3, ls="--", label="$\\beta$: no direction is above")
    ax.set_ylim(0.0, 1.32)
    ax.set_ylabel("$\\|N^T\\phi(Xw)\\| \\,/\\, \\beta$")
    ax.legend(frameon=False, loc="upper left", ncols=2)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color=GRID, lw=0.6, zorder=0)
    return ax


def _sphere_map(comparison: Comparison, ax: Any) -> Any:
    longitude, latitude = np.meshgrid(
        np.linspace(-np.pi, np.pi, 361) * (1 - 1e-9), np.linspace(-np.pi / 2, np.pi / 2, 181)
    )
    W = _unit(longitude.ravel(), latitude.ravel())
    points = hammer(W)
    x, y = (points[:, k].reshape(longitude.shape) for k in (0, 1))
    _colour_map(ax, x, y, _scale(comparison, W).reshape(longitude.shape))
    _graticule(ax, coordinates(comparison))
    marks = hammer(_marks(comparison))
    return _mark(ax, marks)


def _free_map(comparison: Comparison, ax: Any) -> Any:
    problem = comparison.problem
    # beyond the samples the function is linear in the bias, and nothing new is seen
    reach = 1.1 * max(float(np.linalg.norm(problem.X, axis=1).max()), 1e-300)
    angle, bias = np.meshgrid(np.linspace(-np.pi, np.pi, 361), np.linspace(-reach, reach, 181))
    W = np.column_stack([np.cos(angle).ravel(), np.sin(angle).ravel(), bias.ravel()])
    _colour_map(ax, np.rad2deg(angle), bias, _scale(comparison, W).reshape(angle.shape))
    marks = _marks(comparison)
    lead = np.linalg.norm(marks[:, :2], axis=1)
    marks, lead = marks[lead > 1e-12], lead[lead > 1e-12]
    first, second, _ = coordinates(comparison)
    ax.set_xlabel(f"direction of the neuron, degrees ({first} at 0, {second} at 90)")
    ax.set_ylabel("bias / $\\|w\\|$")
    return _mark(ax, np.column_stack([np.rad2deg(np.arctan2(marks[:, 1], marks[:, 0])), marks[:, 2] / lead]))


def _colour_map(ax: Any, x: Array, y: Array, values: Array) -> None:
    image = ax.pcolormesh(x, y, values, cmap="viridis", vmin=0.0, vmax=1.0, shading="gouraud", rasterized=True)
    ax.contour(x, y, values, levels=[0.5, 0.9, 0.99], colors=EDGE, linewidths=[0.6, 0.9, 1.2])
    ax.figure.colorbar(image, ax=ax, shrink=0.8, label="$\\|N^T\\phi(Xw)\\| \\,/\\, \\beta$  (contours 0.5, 0.9, 0.99)")


def _mark(ax: Any, points: Array) -> Any:
    ax.scatter(
        points[:, 0], points[:, 1], marker="o", s=60, facecolors="none", edgecolors=FLOOR, linewidths=2.0, zorder=7
    )
    return ax
