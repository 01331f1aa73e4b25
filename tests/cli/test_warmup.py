"""``relucvx warmup`` as a user meets it."""

import json

import command_line


def test_a_second_run_says_that_all_is_there():
    command_line.run("warmup")
    code, out, err = command_line.run("warmup")
    assert code == 0
    assert out.startswith("all ")
    assert "kernels are there" in out
    assert out.count("\n") == 1
    steps = err.splitlines()
    assert steps[0] == f"1 of {len(steps)}: proofs"


def test_json_has_nothing_else_on_standard_output():
    code, out, _ = command_line.run("warmup", "--json")
    assert code == 0
    facts = json.loads(out)
    assert list(facts) == ["schema", "compiled", "loaded", "folder", "seconds"]
    assert facts["loaded"] + facts["compiled"] >= 20
