"""The names of `vertexai.preview.tuning`."""

from gemtune.preview.tuning import sft
from gemtune.sft import SourceModel, SupervisedTuningJob as TuningJob

__all__ = ["SourceModel", "TuningJob", "sft"]
