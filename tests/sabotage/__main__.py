"""``python -m tests.sabotage [NAME]...``: put every fault in, one at a time, and print which command notices it.

Exit code 0 when at least 95 % are caught and the survivors are those listed with reasons.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sabotage.fault import Fault, forget, notices, run
from sabotage.table import BY_NAME, FAULTS, SURVIVORS

ENOUGH = 0.95
"""Share of the faults that must be caught."""


def outcome(fault: Fault, clean: dict[tuple[str, bool], str]) -> str:
    """What is said against the fault; the same command must have nothing to say without it."""
    apart = fault.interpreted or fault.caught_by.startswith("pytest ")
    key = (fault.caught_by, apart)
    if key not in clean:
        forget()
        clean[key] = run(None, fault.caught_by) if apart else notices(fault.caught_by)
    if clean[key]:
        raise RuntimeError(f"{fault.caught_by} fails without any fault: {clean[key]}")
    if apart:
        return run(fault, fault.caught_by)
    with fault.injected():
        return notices(fault.caught_by)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sabotage", description=__doc__)
    parser.add_argument("names", nargs="*", help="faults (default: all)")
    parser.add_argument("--notice", help=argparse.SUPPRESS)
    parser.add_argument("--fault", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.notice:
        with BY_NAME[options.fault].injected() if options.fault else contextlib.nullcontext():
            said = notices(options.notice)
        print(said)
        return int(bool(said))
    chosen = [BY_NAME[name] for name in options.names] or FAULTS
    clean: dict[tuple[str, bool], str] = {}
    caught, began = 0, time.perf_counter()
    for fault in chosen:
        said = outcome(fault, clean)
        caught += bool(said)
        why = said or f"SURVIVES ({SURVIVORS.get(fault.name, 'no reason is listed')})"
        print(f"{fault.name:<44} {fault.caught_by:<52} {why[:110]}", flush=True)
    share = caught / len(chosen)
    print(f"{caught} of {len(chosen)} faults caught, {100 * share:.1f} %, in {time.perf_counter() - began:.0f} s")
    return int(share < ENOUGH)


if __name__ == "__main__":
    raise SystemExit(main())
