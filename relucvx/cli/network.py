"""How the commands that look inside networks come by one: train it on the data, or load its weights.

Imports numpy, so commands import this module when they run.
"""

from __future__ import annotations

import itertools
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from relucvx.cli.bags import rows_only
from relucvx.cli.input import PICKLES, Source, stored_solution
from relucvx.datasets.classes import are_few
from relucvx.errors import DataFileError, InvalidInputError, explain
from relucvx.later import later
from relucvx.validation import as_count

if TYPE_CHECKING:
    from rich.console import Console

    from relucvx.datasets import Dataset

bars = later("rich.progress")
terminals = later("rich.console")
nn = later("torch.nn")
torch = later("torch")

TORCH_FILES = (".pt", ".pth", ".ckpt", ".bin")
"""Files read by torch with ``weights_only=True``: tensors come out of them, and no code runs."""


def obtain_network(
    source: Source,
    *,
    hidden: Sequence[int] | None = None,
    depth: int = 3,
    width: int = 32,
    epochs: int = 100,
    seed: int = 0,
    weights: Path | None = None,
    found: Dataset | None = None,
) -> tuple[Any, np.ndarray, np.ndarray | None, dict[str, Any]]:
    """A network and the data it is looked at with.

    Parameters
    ----------
    source : Source
        The data options. Without a name (``data=""``), ``weights`` must be a saved solution, which holds its data.
    hidden : sequence of int, optional
        Widths of the hidden layers; default ``depth`` layers of ``width`` neurons.
    epochs : int
        Passes over the data with Adam (step size 3e-3, batches of 64).
    seed : int
        Of the initial weights and the batches; torch's own random state is left untouched.
    weights : Path, optional
        Instead of training: an ``.npz`` file saved by ``relucvx solve --out``, or a torch state dict of an MLP.
    found : Dataset, optional
        The data, where :func:`table_of` has read them.

    Returns
    -------
    module : torch.nn.Sequential or TwoLayerReLU
        In eval mode.
    X : ndarray of shape (n, d)
    labels : ndarray of shape (n,) of int, or None
        Class indices; None when the targets are numbers.
    facts : dict
        What was done: ``data, samples, features, outputs, classes, hidden, network, epochs, accuracy, loss, seconds``.

    Raises
    ------
    InvalidInputError, DataFileError
        For sizes that are not positive, weights that do not fit the data, and files that hold something else.
    """
    began = time.perf_counter()
    loaded = None if weights is None else load_weights(weights)
    # data that are named come before those of the solution
    if source.data or not hasattr(loaded, "problem"):
        # read as for the cross-entropy, so that classes stay classes
        found = found or table_of(source)
        name, X, Y, names = source.named(found), found.X, found.Y, found.target_names
    else:
        assert loaded is not None  # the branch needs an attribute of it
        name, X, Y, names = str(weights), loaded.problem.X, loaded.problem.Y, ()
    labels, classes = as_classes(Y, names)
    module = getattr(loaded, "network", loaded)
    if module is None:
        widths = _sizes([width] * depth if hidden is None else hidden)
        targets = labels if labels is not None else Y.reshape(len(Y), -1)
        module = train_mlp(X, targets, widths, epochs=as_count(epochs, "--epochs"), seed=seed)
    facts: dict[str, Any] = {"data": name, "samples": X.shape[0], "features": X.shape[1], "classes": classes}
    facts |= _shape(module, weights)
    # a first layer of another width would fail far inside, and say less
    if facts["inputs"] != X.shape[1]:
        raise InvalidInputError(
            explain(
                f"weights for {X.shape[1]} inputs, the columns of {name}",
                f"{weights} for {facts['inputs']} inputs",
                "other data, or columns dropped: constant columns of embedded sets are, unless --no-standardize",
            )
        )
    facts |= _scores(module, X, Y, labels)
    facts |= {"epochs": epochs if weights is None else None, "seconds": time.perf_counter() - began}
    return module, X, labels, facts


def table_of(source: Source) -> Dataset:
    """The data, read as for the cross-entropy: samples of one row each."""
    return rows_only(source.read("cross_entropy"), "looking inside networks")


def as_classes(Y: np.ndarray, names: Sequence[str] = ()) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Class index of each row of the targets and the classes' names; (None, ()) when the targets are numbers.

    Whole-numbered targets are classes when every entry is -1, 0 or 1, or when rows repeat (on average at least once).
    One-hot columns keep their order; other rows are sorted.
    """
    rows = Y.reshape(len(Y), -1)
    # fractions are no codes of classes
    if (rows != np.round(rows)).any():
        return None, ()
    distinct, index = np.unique(rows, axis=0, return_inverse=True)
    largest = np.abs(rows).max()
    # many distinct whole numbers are counts or grades rather than classes, except where all entries are 0 or ±1
    if len(distinct) < 2 or not (largest <= 1.0 or are_few(len(distinct), len(rows), largest)):
        return None, ()
    if rows.shape[1] > 1 and ((rows == 1.0).sum(axis=1) == 1).all() and len(np.unique(rows)) == 2:
        labels = rows.argmax(axis=1)
        return labels, _names(names, rows.shape[1], [str(k) for k in range(rows.shape[1])])
    return index.reshape(-1), _names(names, len(distinct), [",".join(f"{v:g}" for v in row) for row in distinct])


def _names(names: Sequence[str], count: int, otherwise: list[str]) -> tuple[str, ...]:
    return tuple(names) if len(names) == count else tuple(otherwise)


def train_mlp(X: np.ndarray, targets: np.ndarray, widths: Sequence[int], *, epochs: int, seed: int) -> Any:
    """Linear, ReLU, …, Linear trained with Adam: cross-entropy on class indices, squared error on columns of numbers.

    float64, batches of 64, a progress bar on standard error when that is a terminal.
    """

    inputs = torch.from_numpy(np.array(X, dtype=np.float64))
    classes = targets.ndim == 1
    wanted = torch.from_numpy(np.array(targets, dtype=np.int64 if classes else np.float64))
    sizes = [X.shape[1], *widths, int(targets.max()) + 1 if classes else targets.shape[1]]
    # the caller's generator is left as it was
    with torch.random.fork_rng(devices=[]), counted("training", epochs) as tick:
        torch.manual_seed(seed)
        net = mlp(sizes)
        loss = nn.CrossEntropyLoss() if classes else nn.MSELoss()
        optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
        for epoch in range(epochs):
            for rows in torch.randperm(len(inputs)).split(64):
                optimizer.zero_grad()
                value = loss(net(inputs[rows]), wanted[rows])
                value.backward()
                optimizer.step()
            tick(epoch + 1, f"loss {float(value.detach()):.3g}")
    return net.eval()


def mlp(sizes: Sequence[int]) -> Any:
    """A float64 Sequential of Linear layers of these sizes with a ReLU between every two."""

    layers: list[Any] = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out).double(), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def load_weights(path: Path) -> Any:
    """A saved solution (.npz), or an MLP from a torch state dict (read with ``weights_only=True``, ReLU assumed).

    Raises
    ------
    DataFileError
        For another kind of file, a pickled module, and weights that are not those of an MLP; the tensor is named.
    """
    suffix = path.suffix.lower()
    if suffix in PICKLES and suffix not in TORCH_FILES:
        raise DataFileError(
            explain(
                "weights in an .npz file of relucvx, or a torch state dict (.pt, .pth)",
                str(path),
                "pickle files can run code when they are opened, so they are not read",
                "torch.save(model.state_dict(), 'weights.pt')",
            )
        )
    if suffix not in (".npz", *TORCH_FILES):
        raise DataFileError(
            explain(
                "weights in an .npz file of relucvx, or a torch state dict (.pt, .pth)",
                str(path),
                "data, which come before --weights, or a file of another program",
                "torch.save(model.state_dict(), 'weights.pt')",
            )
        )
    if suffix == ".npz":
        stored = stored_solution(path)
        if stored.problem.pooling is not None:
            raise DataFileError(
                explain(
                    "a network for samples of one row each",
                    f"{path} with {stored.network!r}",
                    "a solution for bags of rows",
                    "in Python: relucvx.load(path).network",
                )
            )
        return stored
    if not path.is_file():
        raise DataFileError(explain("a torch state dict", f"no file {path}", "a typo, or another folder"))
    return _mlp_from_state(path, _state(path))


def _state(path: Path) -> dict[str, Any]:
    """The tensors of a torch file by name."""

    try:
        # tensors only: an ordinary pickle could run code
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise DataFileError(
            explain(
                "a torch state dict: tensors by name",
                f"{path}: {str(error).splitlines()[0].rstrip('. ') if str(error) else type(error).__name__}",
                "a whole module was saved (opening it could run code), or the file is damaged or of another kind",
                "torch.save(model.state_dict(), 'weights.pt')",
            )
        ) from error
    for key in ("state_dict", "model_state_dict"):  # what training scripts call it inside a checkpoint
        state = state[key] if isinstance(state, dict) and isinstance(state.get(key), dict) else state
    if not isinstance(state, dict) or not state or not all(hasattr(v, "detach") for v in state.values()):
        held = f"a {type(state).__name__}"
        if isinstance(state, dict):
            held = f"entries {', '.join(map(str, state))}" if state else "no entries"
        raise DataFileError(
            explain(
                f"tensors by name in {path}",
                held,
                "a checkpoint of another layout",
                "torch.save(model.state_dict(), 'weights.pt')",
            )
        )
    return state


def _mlp_from_state(path: Path, state: dict[str, Any]) -> Any:
    """Linear layers in the order of the state dict, with ReLU between them."""

    layers: list[dict[str, Any]] = []
    for name, tensor in state.items():
        # whatever the modules are called: a layer is a weight (2-D) and the bias (1-D) of the same prefix after it
        prefix, _, kind = str(name).rpartition(".")
        wanted = {"weight": 2, "bias": 1}.get(kind)
        starts = kind == "weight"
        fits = wanted == tensor.ndim and (
            starts or bool(layers and layers[-1]["name"] == prefix and len(tensor) == len(layers[-1]["weight"]))
        )
        # a chain: each layer takes what the one before it gives
        if fits and starts and layers and layers[-1]["weight"].shape[0] != tensor.shape[1]:
            fits = False
        # integers of a quantised model have the shapes of weights, and would be read as such
        if fits and not tensor.is_floating_point():
            raise DataFileError(
                explain(
                    f"weights in floating point in {path}",
                    f"{name!r} of {tensor.dtype}",
                    "a quantised model, whose integers mean nothing without their scales",
                    "save the model as it was before it was quantised",
                )
            )
        if not fits:
            raise DataFileError(
                explain(
                    f"the weights of an MLP in {path}: Linear layers (weight, bias) that follow one another",
                    f"{name!r} of shape {tuple(tensor.shape)}",
                    "a convolution, a normalisation, or a model that is no plain chain",
                    "in Python: relucvx.metrics.profile(module, X, labels) or slice_regions(module, …), which read more "
                    "kinds of layers",
                )
            )
        if starts:
            layers.append({"name": prefix, "weight": tensor, "bias": None})
        else:
            layers[-1]["bias"] = tensor
    # the weights drawn here are overwritten; the caller's generator is left as it was
    with torch.random.fork_rng(devices=[]):
        net = mlp([layers[0]["weight"].shape[1], *(layer["weight"].shape[0] for layer in layers)])
    with torch.no_grad():
        for linear, layer in zip(net[::2], layers, strict=True):
            linear.weight.copy_(layer["weight"])
            linear.bias.zero_() if layer["bias"] is None else linear.bias.copy_(layer["bias"])
    return net.eval()


def _shape(module: Any, weights: Path | None) -> dict[str, Any]:
    """Sizes of a network and where it comes from, for a table."""
    made = "trained here (Adam)" if weights is None else f"read from {weights}"
    if hasattr(module, "weights_in"):
        inputs, hidden, outputs = module.weights_in.shape[1], [module.weights_in.shape[0]], module.weights_out.shape[1]
    else:
        linear = list(module[::2])
        inputs, outputs = linear[0].in_features, linear[-1].out_features
        hidden = [layer.out_features for layer in linear[:-1]]
        made += "" if weights is None else ", taken to have ReLU between its layers (a state dict does not say)"
    return {"inputs": inputs, "hidden": hidden, "outputs": outputs, "network": made}


def _scores(module: Any, X: np.ndarray, Y: np.ndarray, labels: np.ndarray | None) -> dict[str, float | None]:
    """Share of the samples classified as labelled (classes), or the mean squared error (numbers)."""
    out = outputs_of(module, X)
    if labels is None:
        fits = out.shape == Y.reshape(len(Y), -1).shape
        return {"accuracy": None, "squared_error": float(np.mean((out - Y.reshape(out.shape)) ** 2)) if fits else None}
    one = out.shape[1] == 1
    if int(labels.max()) >= (2 if one else out.shape[1]):
        raise InvalidInputError(
            explain(
                f"a network with one output per class ({int(labels.max()) + 1})",
                f"{out.shape[1]} outputs",
                "other data",
            )
        )
    decided = (out[:, 0] > 0).astype(int) if one else out.argmax(axis=1)
    return {"accuracy": float(np.mean(decided == labels)), "squared_error": None}


def outputs_of(module: Any, X: np.ndarray) -> np.ndarray:
    """Outputs at the rows of X, of shape (n, c)."""
    if hasattr(module, "predict"):
        return np.asarray(module.predict(X)).reshape(len(X), -1)

    with torch.no_grad():
        return np.asarray(module(torch.from_numpy(np.array(X))).numpy())


def _sizes(widths: Sequence[int]) -> list[int]:
    if not widths:
        raise InvalidInputError(explain("at least one hidden layer", "none", "", "--hidden 32,32,32 or --depth 3"))
    return [as_count(w, "a hidden width") for w in widths]


def widths_of(text: str | None) -> list[int] | None:
    """The widths of ``--hidden 64,32``; None stays None.

    Raises
    ------
    InvalidInputError
        For anything but whole numbers separated by commas.
    """
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InvalidInputError(
            explain("whole numbers separated by commas for --hidden", repr(text), "", "--hidden 64,32")
        ) from None


@contextmanager
def counted(label: str, total: int, console: Console | None = None) -> Iterator[Callable[..., None]]:
    """A function ``tick(done, text)`` that draws a bar on standard error when that is a terminal."""

    console = terminals.Console(stderr=True) if console is None else console
    if not console.is_terminal:

        def silent(done: int, text: str = "") -> None:
            """Draw nothing."""

        yield silent
        return
    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), bars.TimeElapsedColumn())
    with bars.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=total)

        def tick(done: int, text: str = "") -> None:
            bar.update(task, completed=done, description=f"{label} {text}".strip())

        yield tick
