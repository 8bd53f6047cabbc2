"""The names of `vertexai.tuning`, so that an import needs no other change than that of `vertexai` to `gemtune`."""

from gemtune.sft import SourceModel, SupervisedTuningJob as TuningJob
from gemtune.tuning import sft

__all__ = ["SourceModel", "TuningJob", "sft"]
