"""`gemtune.sft`, where vertexai has it: `from gemtune.tuning import sft`."""

from gemtune.sft import SupervisedTuningJob, rebase_tuned_model, train

__all__ = ["SupervisedTuningJob", "rebase_tuned_model", "train"]
