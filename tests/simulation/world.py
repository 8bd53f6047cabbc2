"""Callers on machines, in virtual time: each effect of their flows is a point where a run may deviate.

The real flow (`create_once.create`), the real store over SQLite in memory, and the driver's own functions for a store's
answers and for what may no longer leave; the loop that lets callers take turns is this module's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import StaticPool, create_engine, event
from sqlalchemy.dialects import sqlite

import gemtune
from gemtune._client_base import METHODS
from gemtune.errors import GemtuneError, InDoubt
from gemtune.flows import create_once, driver, find_jobs
from gemtune.flows.driver import Clock
from gemtune.flows.effects import Effect, Flow, Notify, Now, Record, Send, Sleep, Turn
from gemtune.flows.retry import Retry
from gemtune.flows.submission import Created, Submission
from gemtune.flows.windows import Windows
from gemtune.store import Claim, SpecStore, StoreError, SubmittedJob, database, tables
from gemtune_pb.v1 import TuningJob
from tests.simulation.choices import Script
from tests.simulation.service import ATTEMPT, SETTLE, Service

__all__ = ["BEGIN", "Call", "Caller", "Client", "Failed", "World"]

BEGIN = 1_800_000_000.0
TIMEOUT = 1.0
PAUSE = 0.45
"""Longer than any claim lasts, and short enough that a call goes on afterwards."""
JUMP = 3600.0
LATER = 1e-5  # a sleep ends a little after its time
MOST_STEPS = 1500

RPCS = find_jobs.Rpcs(METHODS["CreateTuningJob"], METHODS["GetTuningJob"], METHODS["ListTuningJobs"])
JOB = TuningJob(base_model="m")
FINGERPRINT = gemtune.fingerprint(JOB)


class Failed(AssertionError):
    """An invariant does not hold."""


class Steady(Retry):
    """Pauses without jitter: a run is the same each time."""

    def pause(self, attempts: int, error: GemtuneError | None = None) -> float:
        return self.maximum


RETRY = Steady(attempt=ATTEMPT, initial=0.01, maximum=0.01, settle=SETTLE)


class MemoryDatabase(database.Database):
    """The store's database, in memory: one for a whole process of tests. It can be brought to any state it was in.

    Runs that differ late ask the store the same questions early: what the real store answered to a question in a state
    is asked of it once. A state is the rows of its tables.
    """

    TABLES = ("gemtune_specs", "gemtune_submissions", "gemtune_jobs")

    def __init__(self) -> None:
        self.is_sqlite = True
        self.where = "memory"
        self._engine = create_engine("sqlite://", poolclass=StaticPool)
        event.listen(self._engine, "connect", self._connected)
        event.listen(self._engine, "begin", database._on_begin)
        with self._transaction(write=True) as db:
            tables.upgrade(db, self.where)
        self.state = self.there = self.empty = self._rows()
        self._known: dict[Any, tuple[Any, Any]] = {}

    def _connected(self, connection: Any, _: object) -> None:
        connection.isolation_level = None
        self._raw = connection

    def _rows(self) -> tuple[tuple[Any, ...], ...]:
        return tuple(tuple(self._raw.execute(f"SELECT * FROM {table}")) for table in self.TABLES)

    def asked(self, question: Any, ask: Callable[[], Any]) -> Any:
        """The store's answer to a question in the state that it is in."""
        key = self.state, question
        if key not in self._known:
            if self.there != self.state:
                self._restore()
            answer = ask()
            self.there = self._rows()
            self._known[key] = answer, self.there
        answer, self.state = self._known[key]
        return answer

    def _restore(self) -> None:
        for table, rows in zip(self.TABLES, self.state, strict=True):
            self._raw.execute(f"DELETE FROM {table}")
            for row in rows:
                self._raw.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)


class MemoryStore(SpecStore):
    """The real store, by a machine's clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._database = self._memory = memory()
        self._now = now
        self._insert = sqlite.insert

    def claim(self, request_id: str, **options: Any) -> Claim:
        question = "claim", request_id, options["until"], options["token"], self._now()
        answer: Claim = self._memory.asked(question, lambda: SpecStore.claim(self, request_id, **options))
        return answer

    def release(self, request_id: str, **options: Any) -> None:
        question = "release", request_id, options["token"]
        self._memory.asked(question, lambda: SpecStore.release(self, request_id, **options))

    def record(self, request_id: str, **options: Any) -> tuple[SubmittedJob, ...]:
        question = "record", request_id, options["job"].name, self._now()
        answer: tuple[SubmittedJob, ...] = self._memory.asked(
            question, lambda: SpecStore.record(self, request_id, **options)
        )
        return answer


@functools.cache
def memory() -> MemoryDatabase:
    return MemoryDatabase()


@dataclass(eq=False)
class Client:
    """A client of a process on a machine of its own, whose clocks may go wrong."""

    world: World
    stored: bool
    slept: float = 0.0  # how long the machine was suspended
    ahead: float = 0.0

    def __post_init__(self) -> None:
        self.clock = Clock(
            now=lambda: self.world.service.now - self.slept - BEGIN, wall=lambda: self.world.service.now + self.ahead
        )
        self.windows = Windows(now=self.clock.now)
        self.store = MemoryStore(self.clock.wall) if self.stored else None


@dataclass(eq=False)
class Call:
    """One call of a caller, and what it was told: `Created`, an error, `killed` or `interrupted`."""

    caller: Caller
    told: Any = None


@dataclass(eq=False)
class Caller:
    """Calls under an id; after an interruption or a doubt again.

    Attributes:
        client: Whose calls they are: those of one client die and pause together.
        most: How many calls, at most.
        after: The caller whose last call it waits for, and for the time in which what that one sent may appear.
    """

    name: str
    client: Client
    request_id: str = "id"
    known: bool = True
    most: int = 1
    after: Caller | None = None
    calls: list[Call] = field(default_factory=list)
    flow: Flow | None = None
    effect: Effect | None = None
    reply: Any = None  # what the flow is resumed with at `wake`, where that is decided already
    wake: float = 0.0
    over: bool = False


GO = "answered"
KILLED, KILLED_LATER = "killed", "killed while it is under way"
BROKEN, BROKEN_LATER = "interrupted", "interrupted while it is under way"
FORWARD, BACK = "its clock is put forward", "its clock is put back"
STOPPED, SUSPENDED = "stopped for a while", "suspended for a while"
DOWN, UNHEARD = "the store fails", "the store's answer is lost"


class World:
    """One run."""

    def __init__(self, script: Script, *, stored: bool = False, trace: list[str] | None = None) -> None:
        self.script = script
        self.service = Service(BEGIN)
        self.stored = stored
        self.calls: list[Call] = []
        self.moved = False  # whether a clock was put forward or back
        self.trace = trace
        self._steps = 0
        if stored:
            memory().state = memory().empty

    def client(self) -> Client:
        return Client(self, self.stored)

    # -- the loop ---------------------------------------------------------------------------------------------------

    def run(self, callers: Sequence[Caller]) -> None:
        """Runs callers to their ends: the one that runs goes on until it pauses, unless the script has it otherwise."""
        self._all = callers
        current: Caller | None = None
        while True:
            waiting = [caller for caller in callers if not caller.over and (caller.after is None or caller.after.over)]
            if not waiting:
                return
            if current not in waiting or current.wake > self.service.now:
                current = min(waiting, key=lambda caller: caller.wake)
                self.service.now = max(self.service.now, current.wake)
            others = [other for other in waiting if other is not current and other.wake <= self.service.now]
            current = self._step(current, others)
            self._steps += 1
            if self._steps > MOST_STEPS:
                raise Failed(f"a limit was reached: {MOST_STEPS} steps in one run")

    def _step(self, caller: Caller, others: list[Caller]) -> Caller:
        """Makes the caller's next effect happen, or something else; returns who goes on."""
        effect, clock = caller.effect, caller.client.clock
        if effect is None:
            self._begin(caller)
        elif caller.reply is not None:
            self._resume(caller, caller.reply)
        elif isinstance(effect, Sleep | Turn):
            self._resume(caller, clock.now())
        else:
            return self._effect(caller, effect, others)
        return caller

    def _effect(self, caller: Caller, effect: Send | Record, others: list[Caller]) -> Caller:
        title = f"{caller.name}, {_title(effect)}"
        pick = self._choose(title, [GO, *self._options(effect), *(f"{other.name} goes on" for other in others)])
        for other in others:
            if pick == f"{other.name} goes on":
                return other
        if pick in (STOPPED, SUSPENDED):
            self._stop(caller, pick)
            return caller  # the effect is still to come
        if pick in (KILLED, KILLED_LATER, BROKEN, BROKEN_LATER):
            if pick in (KILLED_LATER, BROKEN_LATER):
                self._perform(caller, effect, "under way")
            self._end(caller, killed=pick in (KILLED, KILLED_LATER))
            return caller
        if pick in (FORWARD, BACK):
            caller.client.ahead += JUMP if pick == FORWARD else -JUMP
            self.moved = True
            pick = GO
        caller.reply = self._perform(caller, effect, pick)
        if self._acts(effect):
            then = self._choose(f"{title}, afterwards", [GO, STOPPED, SUSPENDED])
            if then != GO:
                self._stop(caller, then)
        return caller

    def _choose(self, title: str, options: list[str]) -> str:
        pick = self.script.choose(title, options)
        if self.trace is not None:
            self.trace.append(f"{self.service.now - BEGIN:7.3f}  {title}: {pick}")
        return pick

    @staticmethod
    def _acts(effect: Send | Record) -> bool:
        return isinstance(effect, Record) or effect.method.name == "CreateTuningJob"

    def _options(self, effect: Send | Record) -> list[str]:
        generic = [STOPPED, SUSPENDED, KILLED, BROKEN, FORWARD, BACK]
        if isinstance(effect, Record):
            return [*generic, DOWN, UNHEARD]
        if effect.method.name == "CreateTuningJob":
            return [*generic, KILLED_LATER, BROKEN_LATER, *Service.CREATE[1:]]
        if effect.method.name == "GetTuningJob":
            return [KILLED, *Service.GET[1:]]
        fates = Service.FILTERED if effect.request.filter else Service.LIST  # type: ignore[attr-defined]
        return [STOPPED, SUSPENDED, KILLED, BROKEN, *fates[1:]]

    # -- callers ----------------------------------------------------------------------------------------------------

    def _begin(self, caller: Caller) -> None:
        client, now = caller.client, self.service.now
        caller.calls.append(Call(caller))
        self.calls.append(caller.calls[-1])
        submission = Submission(
            request_id=caller.request_id,
            fingerprint=FINGERPRINT,
            project="p",
            location="l",
            known=caller.known or len(caller.calls) > 1,
            started=None if caller.known else client.clock.wall(),
            resumed=client.clock.wall(),
        )
        options: dict[str, Any] = {"timeout": TIMEOUT, "retry": RETRY, "budget": None}
        caller.flow = create_once.create(
            RPCS, JOB, submission, stored=client.store is not None, windows=client.windows, **options
        )
        caller.wake = now
        self._resume(caller, None)

    def _resume(self, caller: Caller, reply: Any) -> None:
        assert caller.flow is not None
        caller.reply = None
        clock = caller.client.clock
        try:
            effect = caller.flow.send(reply)
            while isinstance(effect, Now | Notify):  # takes no time, and nothing can come between
                effect = caller.flow.send(None if isinstance(effect, Notify) else driver._time(effect, clock))
        except StopIteration as stop:
            self._told(caller, stop.value)
        except GemtuneError as error:
            self._told(caller, error)
        else:
            caller.effect, caller.wake = effect, self.service.now
            if isinstance(effect, Sleep | Turn):
                caller.wake += effect.seconds + LATER

    def _told(self, caller: Caller, told: Any) -> None:
        caller.calls[-1].told = told
        if self.trace is not None:
            words = [made.name[-2:] for made in (told.job, *told.doubles)] if isinstance(told, Created) else repr(told)
            self.trace.append(f"{self.service.now - BEGIN:7.3f}  {caller.name} is told: {words}")
        caller.flow = caller.effect = None
        again = told == BROKEN or isinstance(told, InDoubt)
        self._over(caller, over=not again or len(caller.calls) == caller.most)

    def _over(self, caller: Caller, *, over: bool = True) -> None:
        caller.over = over
        for other in self._all:
            if over and other.after is caller:
                other.wake = self.service.now + SETTLE

    def _end(self, caller: Caller, *, killed: bool) -> None:
        dead = [other for other in self._all if other.client is caller.client] if killed else [caller]
        for one in dead:
            if one.flow is not None and not killed:  # of a process that is killed nothing runs to its end
                one.flow.close()
            if one.flow is not None or one is caller:
                self._told(one, KILLED if killed else BROKEN)
            if killed:
                self._over(one)

    def _stop(self, caller: Caller, how: str) -> None:
        """All that its client does waits; a suspended machine's monotonic clock waits with it."""
        for one in self._all:
            if one.client is caller.client:
                one.wake = max(one.wake, self.service.now) + PAUSE
        if how == SUSPENDED:
            caller.client.slept += PAUSE

    def _perform(self, caller: Caller, effect: Send | Record, fate: str) -> Any:
        clock, service = caller.client.clock, self.service
        if isinstance(effect, Record):
            if fate == DOWN:
                return StoreError("the store is down")
            answer = driver._record(caller.client.store, effect, clock.wall())
            return StoreError("no answer") if fate == UNHEARD else answer if answer is not None else ()
        try:
            driver._check_time(effect, clock)
        except GemtuneError as error:
            return error
        deadline = service.now + max(effect.deadline - clock.now(), 0.0)
        if effect.method.name == "CreateTuningJob":
            if clock.now() >= effect.deadline:
                return driver.TransportError("no time was left", maybe_sent=False)
            return service.create(fate, effect.request, deadline, caller.calls[-1])
        if effect.method.name == "GetTuningJob":
            return service.get(fate, effect.request)
        return service.list(fate, effect.request)


def _title(effect: Send | Record) -> str:
    if isinstance(effect, Record):
        return effect.step
    if effect.method.name == "ListTuningJobs":
        return "filtered list" if effect.request.filter else "whole list"  # type: ignore[attr-defined]
    return effect.method.name.removesuffix("TuningJob").lower()
