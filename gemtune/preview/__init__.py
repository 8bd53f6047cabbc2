"""The names of `vertexai.preview` that tuning needs."""

from gemtune.preview import tuning
from gemtune.sft import init

__all__ = ["init", "tuning"]
