"""The table as a result."""

import numpy as np

from relucvx.metrics import Recording, dichotomies


def test_rows_name_what_they_are_of():
    rng = np.random.default_rng(0)
    recording = Recording(rng.standard_normal((16, 3)), condition=list("ABCD") * 4)
    frame = dichotomies(recording, n_permutations=2, rng=0).to_frame()
    assert frame["split"].tolist() == ["B, C", "B, D", "C, D"]
    assert {"decoding_p", "ccgp_corrected_p", "ccgp_share", "parallelism_p", "factor_ccgp"} <= set(frame.columns)
    assert frame["factor_ccgp"].isna().all()
    found = dichotomies(recording, n_permutations=0)
    assert "chance 0.5" in found.facts()["ccgp_scale"]
    assert found.share_above("ccgp").max() == 1.0
