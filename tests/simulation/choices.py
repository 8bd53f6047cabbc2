"""All runs of a scenario with up to so many deviations: what is chosen, how it is enumerated, how it is told.

A run asks a `Script` at each point where something may go another way. The first option is what happens when nothing
goes wrong; each other one is a deviation. A script is written as `3=2 17=1`: at the fourth question the third option.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

__all__ = ["Choice", "Choices", "Script", "every", "parse", "walks"]

Choice = tuple[int, int]  # the question's number, the option's
Choices = tuple[Choice, ...]


@dataclass
class Script:
    """The answers to a run's questions, and what was asked."""

    choices: Choices = ()
    chance: random.Random | None = None  # a random walk: deviates now and then
    share: float = 0.05
    options: list[int] = field(default_factory=list)  # how many options each question had
    told: list[str] = field(default_factory=list)  # the deviations, in words
    quiet: bool = False  # nothing goes wrong any more, and nothing is asked

    def __post_init__(self) -> None:
        self._answers = dict(self.choices)

    def choose(self, what: str, options: Sequence[str]) -> str:
        """One of the options; the first one where nothing says otherwise."""
        if self.quiet:
            return options[0]
        number = len(self.options)
        self.options.append(len(options))
        pick = self._answers.get(number, 0)
        if self.chance is not None and len(options) > 1 and self.chance.random() < self.share:
            pick = self.chance.randrange(1, len(options))
            self.choices = (*self.choices, (number, pick))
        if pick:
            self.told.append(f"{what}: {options[pick]}")
        return options[pick]

    def __str__(self) -> str:
        return " ".join(f"{number}={option}" for number, option in self.choices)


def parse(text: str) -> Choices:
    """The choices of a script as it was printed."""
    return tuple((int(number), int(option)) for number, _, option in (word.partition("=") for word in text.split()))


def every(
    run: Callable[[Script], None],
    deviations: int,
    *,
    part: int = 0,
    parts: int = 1,
    chance: random.Random | None = None,
) -> Iterator[Script]:
    """Runs with each choice of up to so many deviations, and yields the script of each run.

    Args:
        run: Runs it with a script.
        deviations: How many, at most.
        part: Which share of the runs, ...
        parts: ... of so many; the shares together are all runs.
        chance: Draws which run is next: what many runs show is met sooner than one after another. None: in order.
    """
    waiting: list[Choices] = [()]
    while waiting:
        if chance is not None:
            drawn = chance.randrange(len(waiting))
            waiting[drawn], waiting[-1] = waiting[-1], waiting[drawn]
        choices = waiting.pop()
        script = Script(choices)
        run(script)
        if choices or part == 0:
            yield script
        if len(choices) == deviations:
            continue
        first = choices[-1][0] + 1 if choices else 0
        for number in range(first, len(script.options)):
            if choices or number % parts == part:
                waiting += [(*choices, (number, option)) for option in range(1, script.options[number])]


def walks(run: Callable[[Script], None], count: int, seed: int) -> Iterator[Script]:
    """So many runs that deviate by chance, over and over."""
    for number in range(count):
        chance = random.Random(f"{seed}/{number}")
        script = Script(chance=chance, share=chance.choice([0.02, 0.05, 0.1, 0.2]))
        run(script)
        yield script
