"""`gemtune.sft`, where vertexai has it: `from gemtune.preview.tuning import sft`."""

from gemtune.sft import (
    PreviewSupervisedTuningJob,
    SupervisedTuningJob,
    preview_train,
    rebase_tuned_model,
    train,
)

__all__ = ["PreviewSupervisedTuningJob", "SupervisedTuningJob", "preview_train", "rebase_tuned_model", "train"]
