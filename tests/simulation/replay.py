"""Shows one run of the simulation, step by step: `python -m tests.simulation.replay SCENARIO CHOICES`."""

from __future__ import annotations

import logging
import sys

from tests.simulation.choices import Script, parse
from tests.simulation.scenarios import simulate
from tests.simulation.world import Failed


def main() -> None:
    name, choices = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    logging.disable(logging.CRITICAL)
    trace: list[str] = []
    try:
        simulate(name, Script(parse(choices)), trace)
    except Failed as failed:
        trace.append(f"failed: {failed}")
    print("\n".join(trace))


if __name__ == "__main__":
    main()
