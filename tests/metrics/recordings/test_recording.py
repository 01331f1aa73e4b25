"""The recording as a value: windows, selections, and estimates of sessions with different neurons."""

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import Recording, noise_corrected_kernel

FACTORS = {"context": ["a", "a", "b", "b"] * 5, "choice": [1, 2] * 10}


def made(T=None, seed=0, **given):
    """Twenty trials of four conditions in three neurons."""
    shape = (20, 3) if T is None else (20, 3, T)
    responses = np.random.default_rng(seed).standard_normal(shape)
    return Recording(responses, **{"factors": FACTORS, "neurons": ["v1", "v2", "v4"], **given})


def sessions():
    """Two sessions that share one neuron, with unequal trials."""
    rng = np.random.default_rng(1)
    monday = Recording(rng.standard_normal((12, 2)), condition=list("AB") * 6, neurons=["x", "y"])
    tuesday = Recording(rng.standard_normal((9, 2)), condition=list("ABB") * 3, neurons=["y", "z"])
    return Recording.of_sessions({"monday": monday, "tuesday": tuesday}), monday, tuesday


def test_windows_and_selections():
    recording = made(T=4, time=[-0.1, 0.0, 0.1, 0.2])
    np.testing.assert_allclose(recording.window(0.0, 0.1).responses, recording.responses[:, :, 1:3].mean(axis=2))
    with pytest.raises(InvalidInputError, match=r"one number per trial.*window"):
        _ = recording.activity
    with pytest.raises(InvalidInputError, match=r"a window of times from -0\.1 to 0\.2"):
        recording.window(5, 6)
    flat = recording.window()
    part = flat.select(conditions=[("a", 1), ("b", 2)], neurons=["v4"])
    np.testing.assert_array_equal(part.responses[:, 0], flat.responses[[i for i in range(20) if i % 4 in (0, 3)], 2])
    assert flat.select(trials=np.arange(20) < 3).n_trials == 3
    with pytest.raises(InvalidInputError, match="neurons among 'v1', 'v2', 'v4'; received 'v5'"):
        flat.select(neurons=["v5"])
    with pytest.raises(InvalidInputError, match="at least one trial"):
        flat.select(conditions=[("a", 1)], trials=[1])


def test_averages_and_kernels_of_sessions_add_over_neurons():
    both, monday, tuesday = sessions()
    frame = both.to_frame()
    expected = frame.groupby("condition")[["x", "y", "z"]].mean().to_numpy()
    np.testing.assert_allclose(both.averages().means, expected)
    shared = noise_corrected_kernel(both.responses[:, 1:2], both.condition).kernel
    alone = [noise_corrected_kernel(one.select(neurons=[n]).activity, one.condition).kernel
             for one, n in ((monday, "x"), (tuesday, "z"))]  # fmt: skip
    np.testing.assert_allclose(both.kernel().kernel, shared + alone[0] + alone[1])
    whole = made(repeat=np.repeat([0, 1], 10))
    np.testing.assert_allclose(
        whole.kernel().kernel, noise_corrected_kernel(whole.activity, whole.condition, whole.repeat).kernel
    )
    assert both.select(sessions="monday").neurons == ("x", "y")
