"""A console whose text cannot steer the terminal: only what rich itself writes does."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from gemtune.safe_text import printable

__all__ = ["PlainConsole"]


class PlainConsole(Console):
    """A rich console that replaces control characters in the text it is given."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of something to show, their text harmless."""
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else printable(segment.text)
            yield segment if text == segment.text else Segment(text, segment.style)
