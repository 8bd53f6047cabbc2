"""Locations that are probably none: a zone, a region with a letter wrong. Only ever a doubt: there are new regions."""

from __future__ import annotations

import re
from collections.abc import Collection

from gemtune.specs.catalogue import Catalogue, catalogue
from gemtune.specs.suggest import nearest

__all__ = ["doubt_about"]

_MOST = 6


def doubt_about(location: str, models: Catalogue | None = None) -> tuple[str, str] | None:
    """What is odd about a location, and what was probably meant; None where it is known.

    Args:
        location: The location.
        models: What is known of locations; None: gemtune's own catalogue and the user's.
    """
    models = models or catalogue()
    known = models.locations | {region for model in models for region in model.regions}
    if not models.locations or location in known:
        return None
    zone = re.fullmatch(r"([a-z]+-[a-z]+\d+)-[a-z]", location)
    if zone and zone[1] in known:
        return f"{location} is a zone", f"its region is {zone[1]}"
    remedy = f"known are {_listed(_of_area(location, known))}"
    if near := _near(zone[1] if zone else location, known):
        remedy = f"did you mean {near}?"
    return f"{location} is no location that is known", remedy


def _near(location: str, known: Collection[str]) -> str | None:
    """The location that was probably meant. `us-east2` may be any of us-east1, us-east4 and us-east5."""
    siblings = _siblings(location, known)
    if siblings or _below(location, known):
        return siblings[0] if len(siblings) == 1 else None
    return nearest(location, known)


def _of_area(location: str, known: Collection[str]) -> list[str]:
    return _siblings(location, known) or _below(location, known)


def _siblings(location: str, known: Collection[str]) -> list[str]:
    stem = re.escape(location.rstrip("0123456789"))
    return sorted(each for each in known if re.fullmatch(rf"{stem}\d+", each))


def _below(location: str, known: Collection[str]) -> list[str]:
    return sorted(each for each in known if each.startswith(f"{location}-"))


def _listed(locations: list[str]) -> str:
    shown = locations or ["us-central1", "europe-west4", "us-east4", "us-west1", "europe-west1", "asia-southeast1"]
    return ", ".join(shown[:_MOST]) + (", ..." if not locations or len(shown) > _MOST else "")
