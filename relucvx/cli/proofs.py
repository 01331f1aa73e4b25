"""``relucvx prove`` and ``relucvx check-proof``: a saved certificate in whole numbers, and what such a file proves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import relucvx as rx
from relucvx.cli import output
from relucvx.cli.frame import CERTIFIED
from relucvx.cli.input import stored_solution
from relucvx.cli.manners import print_json
from relucvx.cli.options import Json, Seconds
from relucvx.cli.saving import Saving, check_files

if TYPE_CHECKING:
    from relucvx._api.proofs import CheckedProof

CHECKER = "python check_proof.py {} (relucvx/certificate/check_proof.py) checks it without relucvx"


def prove(
    solution: Annotated[
        Path, typer.Argument(metavar="SOLUTION.npz", help=".npz file written by `relucvx solve --out`")
    ],
    out: Annotated[Path, typer.Option(help="the proof, a JSON file")] = Path("proof.json"),
    room: Annotated[float, typer.Option(help="share of the bound to give away for fewer cones")] = 2e-7,
    max_cones: Annotated[int, typer.Option(min=1, help="refuse when the proof takes more")] = 200_000,
    time_limit: Annotated[float | None, typer.Option(help="seconds, after which there is no proof")] = None,
    as_json: Json = False,
) -> None:
    """Write a saved solution's certificate in whole numbers, for others to check. None of its stored claims is believed."""

    check_files(out)
    sol = stored_solution(solution)
    with output.progress("cones done and open", 1e-6) as callback:
        proof = rx.write_proof(sol, out, room=room, max_cones=max_cones, time_limit=time_limit, callback=callback)
    _print(out, proof, as_json, {"proof": CHECKER.format(out)})


def check_proof(
    file: Annotated[Path, typer.Argument(metavar="PROOF.json", help="file written by `relucvx prove`")],
    time_limit: Seconds = None,
    as_json: Json = False,
) -> None:
    """Compute all of a proof again. Code 0: it proves its statement (1 otherwise, with the line at fault)."""

    _print(file, rx.check_proof(file, time_limit=time_limit), as_json, {})


def _print(file: Path, proof: CheckedProof, as_json: bool, more: dict[str, str]) -> None:
    p = proof.problem
    if as_json:
        facts = {k: v for k, v in proof.to_dict().items() if k != "problem"}
        print_json({"file": str(file), **facts, "rel_gap": proof.rel_gap})
    else:
        title = f"{file}: {p.n_samples} samples, {p.n_features} features, {p.n_outputs} outputs; {p.loss.name} loss, "
        rows = {"proven": str(proof), "exactly": f"{proof.lower_exact} <= p*", "": f"p* <= {proof.upper_exact}"}
        output.show(f"{title}bias {p.bias.value}, beta {p.beta:.10g}", {**rows, "digest": proof.digest, **more})
    Saving().end(CERTIFIED)
