"""All runs of a create with up to two deviations, three and random walks in `make soak`; and seeded faults, all found.

A run that fails prints its choices. They are replayed, step by step, by

    python -m tests.simulation.replay "store, two processes" "8=19 11=5"
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator

import pytest

from tests.simulation.choices import Script, every, parse, walks
from tests.simulation.faults import FAULTS
from tests.simulation.scenarios import SCENARIOS, simulate
from tests.simulation.world import Failed
from tests.support.metrics import Figures
from tests.support.stress import SOAK

PARTS = {"two ids": 2, "store, two processes": 4, "store, one process again": 2} if not SOAK else {}
MOST_RUNS = 40_000
"""Of a scenario with two deviations. More would be a change that nobody meant: the limit fails."""


@pytest.fixture(autouse=True)
def no_log() -> Iterator[None]:
    """Of errors that are meant."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def run(name: str, script: Script) -> None:
    try:
        simulate(name, script)
    except Failed as failed:
        told = "\n  ".join(script.told)
        again = f'python -m tests.simulation.replay "{name}" "{script}"'
        raise Failed(f"{failed}\n  {told}\nto see it again: {again}") from None


def count(name: str, deviations: int, part: int, parts: int, most: float, chance: random.Random | None = None) -> int:
    number = 0
    runs = every(lambda script: run(name, script), deviations, part=part, parts=parts, chance=chance)
    for number, _ in enumerate(runs, 1):
        if number > most:
            raise Failed(f"a limit was reached: more than {most} runs of {name!r} with {deviations} deviations")
    return number


@pytest.mark.parametrize(
    ("name", "part", "parts"),
    [(name, part, PARTS.get(name, 1)) for name in SCENARIOS for part in range(PARTS.get(name, 1))],
)
def test_all_runs_with_up_to_two_deviations_keep_the_promise(
    name: str, part: int, parts: int, figures: Figures
) -> None:
    runs = count(name, 2, part, parts, MOST_RUNS)
    share = f" (part {part + 1} of {parts})" if parts > 1 else ""
    figures(f"simulation, {name}{share}: {runs:,} runs with up to 2 deviations, no promise broken")
    assert runs > 100


@pytest.mark.skipif(not SOAK, reason="make soak")
@pytest.mark.parametrize("name", SCENARIOS)
def test_all_runs_with_up_to_three_deviations_keep_the_promise(name: str, figures: Figures) -> None:
    runs = count(name, 3, 0, 1, 3_000_000)
    figures(f"simulation, {name}: {runs:,} runs with up to 3 deviations, no promise broken")


@pytest.mark.parametrize("name", SCENARIOS)
def test_random_walks_keep_the_promise(name: str, figures: Figures) -> None:
    many = 20_000 if SOAK else 200
    runs = sum(1 for _ in walks(lambda script: run(name, script), many, seed=1))
    figures(f"simulation, {name}: {runs:,} random walks, no promise broken")


@pytest.mark.parametrize("what", FAULTS)
def test_a_seeded_fault_is_found(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, deviations, seed = FAULTS[what]
    seed(monkeypatch)
    with pytest.raises(Failed) as failed:
        count(name, deviations, 0, 1, MOST_RUNS, random.Random(1))
    assert "a limit was reached" not in str(failed.value)


def test_a_run_that_failed_is_the_same_when_it_is_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, seed = FAULTS["it is sent again without waiting for the window"]
    seed(monkeypatch)
    scripts: list[Script] = []

    def kept(script: Script) -> None:
        scripts.append(script)
        simulate(name, script)

    with pytest.raises(Failed) as failed:
        list(every(kept, 2))
    again = Script(parse(str(scripts[-1])))
    trace: list[str] = []
    with pytest.raises(Failed) as same:
        simulate(name, again, trace)
    assert str(same.value) == str(failed.value)
    assert again.told == scripts[-1].told
    assert trace


def test_the_shares_of_a_scenario_are_all_its_runs() -> None:
    def some(script: Script) -> None:
        for _ in range(4):
            script.choose("", ["a", "b", "c"])

    whole = {str(script) for script in every(some, 2)}
    shares = [str(script) for part in range(3) for script in every(some, 2, part=part, parts=3)]
    assert sorted(whole) == sorted(shares)
    assert len(whole) == 1 + 4 * 2 + 6 * 4
