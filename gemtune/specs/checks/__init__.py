"""What the rules look for, in the messages that a job consists of. Nothing here needs a network or a file.

A check gets its context, a message and the message's path, and reports to the context. The checks of single fields
(required, output-only, v1beta1, resource names) are in `check`, which reads them off the schema.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gemtune.specs.checks.context import CheckContext
from gemtune.specs.checks.data import datasets, distillation, gcs_destination
from gemtune.specs.checks.job import job, pre_tuned_model
from gemtune.specs.checks.tuning import autorater, evaluation, hyper_parameters, rouge, supervised

__all__ = ["CHECKS", "Check", "CheckContext"]

Check = Callable[[CheckContext, Any, str], None]

CHECKS: dict[str, Check] = {
    "TuningJob": job,
    "PreTunedModel": pre_tuned_model,
    "SupervisedTuningSpec": supervised,
    "PreferenceOptimizationSpec": datasets,
    "FullFineTuningSpec": datasets,
    "ReinforcementTuningSpec": datasets,
    "PartnerModelTuningSpec": datasets,
    "VeoTuningSpec": datasets,
    "VeoLoraTuningSpec": datasets,
    "DistillationSpec": distillation,
    "SupervisedHyperParameters": hyper_parameters,
    "PreferenceOptimizationHyperParameters": hyper_parameters,
    "DistillationHyperParameters": hyper_parameters,
    "ReinforcementTuningHyperParameters": hyper_parameters,
    "VeoHyperParameters": hyper_parameters,
    "GcsDestination": gcs_destination,
    "EvaluationConfig": evaluation,
    "AutoraterConfig": autorater,
    "RougeSpec": rouge,
}
"""Message -> what is looked for in it."""
