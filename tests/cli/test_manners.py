"""What every command takes: -h, -q, -v and --json, with errors as JSON too; tables of 80 columns; the Tab key."""

import json
import re

import pytest
import typer
from command_line import run
from typer.testing import CliRunner

import relucvx as rx
from relucvx.cli import app
from relucvx.cli.frame import app as frame_app

SMALL = ["planted:20x2", "--beta-fraction", "0.1"]
COMMANDS = sorted(typer.main.get_command(frame_app).commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_the_common_options(command):
    code, out, _ = run(command, "-h")
    assert code == 0
    for option in ("-q, --quiet", "-v, --verbose", "-h, --help"):
        assert option in out
    assert max(map(len, out.splitlines())) <= 80
    assert run(command, "--help")[1] == out


def test_quiet_prints_nothing_but_errors():
    assert run("solve", *SMALL, "-q") == (0, "", "")
    code, out, err = run("solve", "planted:60x10", "--beta", "0.05", "--time-limit", "0.5", "-q")
    assert (code, out, err) == (2, "", "")
    code, out, err = run("solve", "nothing.csv", "-q")
    assert (code, out) == (1, "")
    assert "no such file" in err
    # JSON is asked for by name
    assert json.loads(run("solve", *SMALL, "-q", "--json")[1])["status"] == "CONVERGED"


def test_verbose_prints_the_steps_on_standard_error():
    code, out, err = run("solve", *SMALL, "-v")
    assert code == 0
    quiet = run("solve", *SMALL)[1]
    assert out.splitlines()[:4] == quiet.splitlines()[:4]
    assert err.splitlines()[0].split()[:4] == ["round", "phase", "upper", "lower"]
    assert "solved" in err
    # work that is no solve says what a bar would
    err = run("train", *SMALL, "--seeds", "2", "--width", "4", "--max-steps", "50", "-v")[2]
    assert err.startswith("training: ")
    assert "Progress(" in run("solve", *SMALL, "-vv")[2]  # what the package logs for itself


def test_manners_end_with_the_command():
    run("solve", *SMALL, "-v")
    assert run("solve", *SMALL)[2] == ""
    run("solve", *SMALL, "-q")
    assert run("solve", *SMALL)[1] != ""


@pytest.mark.parametrize(
    "args",
    [
        ["solve", *SMALL],
        ["path", *SMALL[:1], "--count", "2"],
        ["patterns", *SMALL[:1]],
        ["verify", "beta-max", "--list"],
        ["train", *SMALL, "--seeds", "1", "--width", "3", "--max-steps", "20"],
    ],
)
def test_json_says_its_form(args):
    assert json.loads(run(*args, "--json")[1])["schema"] == 1


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["solve", "nothing.csv"], {"expected": "the file nothing.csv", "received": "no such file"}),
        (["solve", *SMALL, "--loss", "no"], {}),
        (["solve", *SMALL, "--tol", "small"], {}),
        (["solve", "--no-such-option"], {}),
        (["certify"], {}),
        (["patterns", "planted:60x20"], {}),
    ],
)
def test_errors_are_json_where_json_was_asked_for(args, says):
    code, out, err = run(*args, "--json")
    error = json.loads(out)["error"]
    assert code == error["code"] == 1
    assert says.items() <= error.items()
    # and a reader finds them where they are without it
    assert error["message"] in re.sub(r"\s+", " ", err) or error["message"] in err
    assert run(*args) == (1, "", err)


def test_steps_are_in_the_words_of_the_command_line():
    error = json.loads(run("solve", *SMALL, "--loss", "no", "--json")[1])["error"]
    assert error["try"].startswith("--loss ")


@pytest.mark.parametrize(
    "args",
    [
        ["path", *SMALL[:1], "--count", "2"],
        ["path", *SMALL[:1], "--band", "0.1"],
        ["compare", *SMALL, "--seeds", "2", "--width", "3", "--max-steps", "50"],
        ["solve", *SMALL],
        ["verify", "--list"],
        ["profile", *SMALL[:1], "--epochs", "1", "--depth", "6", "--width", "4"],
    ],
)
def test_a_terminal_of_80_columns_is_enough(args, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    out = CliRunner().invoke(app, args).stdout
    assert out
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert max(map(len, plain.splitlines())) <= 80, max(plain.splitlines(), key=len)


def test_the_table_of_a_path_has_80_columns_in_a_pipe_too():
    title, *table = run("path", *SMALL[:1], "--count", "3")[1].splitlines()
    assert title.startswith("planted:20x2")
    assert max(map(len, table)) <= 80


def test_tab_completes_commands_and_options(monkeypatch):
    def completed(line):
        env = {"_RELUCVX_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
        return CliRunner().invoke(app, prog_name="relucvx", env=env).stdout.split()

    assert completed("relucvx so") == ["solve"]
    assert "--beta-fraction" in completed("relucvx solve --be")


def test_a_list_of_claims_is_an_object():
    found = json.loads(run("verify", "--list", "--json")[1])
    assert [claim["id"] for claim in found["claims"]] == [c.id for c in rx.theory.claims()]
