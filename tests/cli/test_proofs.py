"""``relucvx prove`` and ``relucvx check-proof`` as a user meets them."""

import json

from command_line import refused, run

import relucvx as rx


def test_a_saved_solution_is_proven_and_the_proof_checked(tmp_path):
    saved, file = tmp_path / "best.npz", tmp_path / "proof.json"
    rx.solve([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], 1.0).save(saved)
    code, out, _ = run("prove", saved, "--out", file)
    assert code == 0
    assert "4 samples, 1 features, 1 outputs; squared loss, bias none, beta 1" in out
    assert "exactly (relative gap" in out
    code, again, _ = run("check-proof", file, "--json")
    facts = json.loads(again)
    assert code == 0
    assert facts["digest"] in out
    assert facts["lower"] <= 1.8 <= facts["upper"]
    # an edited proof, one that is not allowed to grow, and files that are none
    file.write_text(file.read_text().replace('"weight":1}', '"weight":2}', 1))
    assert "line 3: edited" in refused("check-proof", file)
    assert "--max-cones" in refused("prove", saved, "--out", file, "--max-cones", "1")
    assert "a proof that can be read" in refused("check-proof", tmp_path / "nowhere.json")
    assert "written" in refused("prove", saved, "--out", tmp_path / "none" / "proof.json")
