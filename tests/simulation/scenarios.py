"""What is simulated, and what has to hold afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gemtune.errors import GemtuneError, InDoubt
from gemtune.flows.submission import Created
from tests.simulation.choices import Script
from tests.simulation.service import Made
from tests.simulation.world import JUMP, Call, Caller, Failed, World

__all__ = ["SCENARIOS", "Scenario", "simulate"]

Scenario = Callable[[World], Sequence[Caller]]


def a_new_id(world: World) -> list[Caller]:
    return [Caller("A", world.client(), known=False)]


def one_client(world: World) -> list[Caller]:
    """Two threads of one client under one id; each calls again when it is interrupted or in doubt."""
    client = world.client()
    return [Caller("A", client, most=2), Caller("B", client)]


def two_ids(world: World) -> list[Caller]:
    """Two threads of one client under two ids."""
    client = world.client()
    return [Caller("A", client, request_id="a", most=2), Caller("B", client, request_id="b")]


def again_after_the_window(world: World) -> list[Caller]:
    """Without a store, a process runs after another one has ended, and after what that sent may appear."""
    first = Caller("A", world.client())
    return [first, Caller("B", world.client(), after=first)]


def again_without_filters(world: World) -> list[Caller]:
    """The same, where no filter ever finds anything."""
    world.service.blind = True
    return again_after_the_window(world)


def two_processes(world: World) -> list[Caller]:
    """With a store, two processes under one id."""
    return [Caller("A", world.client()), Caller("B", world.client())]


def one_process_again(world: World) -> list[Caller]:
    """With a store, one client whose calls are interrupted and made again."""
    return [Caller("A", world.client(), most=3)]


SCENARIOS: dict[str, tuple[Scenario, bool]] = {
    "a new id": (a_new_id, False),
    "one client": (one_client, False),
    "two ids": (two_ids, False),
    "again after the window": (again_after_the_window, False),
    "again after the window, blind filters": (again_without_filters, False),
    "store, two processes": (two_processes, True),
    "store, one process again": (one_process_again, True),
}
"""Name -> the callers, and whether there is a store."""


def simulate(name: str, script: Script, trace: list[str] | None = None) -> None:
    """One run of a scenario.

    Raises:
        Failed: An invariant does not hold.
    """
    make, stored = SCENARIOS[name]
    world = World(script, stored=stored, trace=trace)
    callers = make(world)
    clock = script.choose("the clocks here are", ["right", "ahead", "behind"])
    for caller in callers:
        caller.client.ahead = {"right": 0.0, "ahead": JUMP, "behind": -JUMP}[clock]
    world.run(callers)
    for request_id in {caller.request_id: None for caller in callers}:
        check(world, request_id)


# -- what has to hold -------------------------------------------------------------------------------------------------


def check(world: World, request_id: str) -> None:
    """Holds the end of a run against the promise, then asks once more under the id, as whoever was in doubt may."""
    calls = [call for call in world.calls if call.caller.request_id == request_id]
    made = jobs(world, request_id)
    reported = {job.name for call in calls for job in named(call) if len(named(call)) > 1}
    if len(made) > 1 and not {one.job.name for one in made} <= reported and not clocks_disagree(world, made):
        raise Failed(f"{len(made)} jobs of one submission, and nobody was told of all of them")
    for call in calls:
        if isinstance(call.told, GemtuneError) and not isinstance(call.told, InDoubt) and mine(made, call):
            raise Failed(f"a job was made, and its caller was told that none was: {call.told!r}")
        if isinstance(call.told, Created) and call.told.job.name not in {one.job.name for one in made}:
            raise Failed(f"a caller was told a job that there is not: {call.told.job.name}")
    answers = {call.told.job.name for call in calls if isinstance(call.told, Created)}
    if len(answers) > 1 and not reported:
        raise Failed(f"one submission has several answers: {answers}")
    # Nothing is left under way now: whoever asks under the id finds what there is.
    world.service.now += 10 * JUMP
    last = Caller("later", world.client(), request_id=request_id, wake=world.service.now)
    world.script.quiet = True
    world.run([last])
    told = last.calls[0].told
    if not isinstance(told, Created) or (made and told.job.name not in {one.job.name for one in made}):
        raise Failed(f"a job was made and cannot be found: {told!r}")
    if len(jobs(world, request_id)) > max(len(made), 1):
        raise Failed("whoever asked later made another job")


def clocks_disagree(world: World, made: Sequence[Made]) -> bool:
    """The limit that docs/exactly-once.md names: a store needs clocks that agree to within a fraction of the window.

    Where they do not, both jobs are reported all the same if each one's answer arrives and is recorded.
    """
    recorded = all(one.answered and isinstance(one.call.told, Created) for one in made)
    return world.stored and world.moved and not recorded


def jobs(world: World, request_id: str) -> list[Made]:
    return [one for one in world.service.made if one.call.caller.request_id == request_id]


def mine(made: Sequence[Made], call: Call) -> bool:
    return any(one.call is call for one in made)


def named(call: Call) -> list[object]:
    return [call.told.job, *call.told.doubles] if isinstance(call.told, Created) else []
