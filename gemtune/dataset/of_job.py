"""The data of a job: checked where its spec says they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from google.rpc import error_details_pb2

from gemtune.dataset.checking import check
from gemtune.dataset.folded import folded, summary
from gemtune.errors import DatasetInvalid
from gemtune_pb.v1 import DatasetReport, TuningJob

__all__ = ["JobData", "check_job", "data_of", "require_good"]

_KINDS = {
    "supervised_tuning_spec": "sft",
    "preference_optimization_spec": "preference",
    "reinforcement_tuning_spec": "reinforcement",
}
_SHOWN = 5


class JobData(NamedTuple):
    """Where the data of a job are.

    Attributes:
        job: The kind of tuning, as the check names it.
        spec: The field of the job that names the data.
        training: The URI of the rows for training.
        validation: That of the rows for validation; "" for none.
    """

    job: str
    spec: str
    training: str
    validation: str

    @property
    def uris(self) -> list[str]:
        """Those of Cloud Storage; a dataset's resource name is none."""
        return [uri for uri in (self.training, self.validation) if uri.startswith("gs://")]


def data_of(job: TuningJob) -> JobData | None:
    """Where the data of a job are; None where its kind of tuning has none that a check knows."""
    found = next((field.name for field, _ in job.ListFields() if field.name in _KINDS), None)
    if found is None:
        return None
    spec: Any = getattr(job, found)
    return JobData(_KINDS[found], found, spec.training_dataset_uri, spec.validation_dataset_uri)


def check_job(
    job: TuningJob, *, credentials: Any = None, on_progress: Callable[[int], object] | None = None
) -> DatasetReport | None:
    """Checks the data of a job where its spec says they are; None where they are not in Cloud Storage.

    Args:
        job: With a base model and a tuning spec.
        credentials: For Cloud Storage; None: Application Default Credentials.
        on_progress: As of `check`.

    Raises:
        DatasetError, TransportError, ApiError, ConfigurationError: As of `check`.
    """
    data = data_of(job)
    if data is None or not data.training.startswith("gs://"):
        return None
    return check(
        data.training,
        base_model=job.base_model or job.pre_tuned_model.base_model,
        job=data.job,
        validation=data.validation if data.validation.startswith("gs://") else None,
        credentials=credentials,
        on_progress=on_progress,
    )


def require_good(
    job: TuningJob, *, credentials: Any = None, on_progress: Callable[[int], object] | None = None
) -> DatasetReport | None:
    """As `check_job`, and refuses data with an error.

    Raises:
        DatasetInvalid: There is one. It has the report.
    """
    report = check_job(job, credentials=credentials, on_progress=on_progress)
    if report is not None and report.error_count:
        raise DatasetInvalid(error_details_pb2.BadRequest(field_violations=_violations(job, report)), report)
    return report


def _violations(job: TuningJob, report: DatasetReport) -> Iterator[error_details_pb2.BadRequest.FieldViolation]:
    data = data_of(job) or JobData("", "", "", "")
    errors = [problem for problem in folded(report) if problem.severity == problem.ERROR]
    for problem in errors[:_SHOWN]:
        name = "validation_dataset_uri" if problem.file == data.validation else "training_dataset_uri"
        place = f"line {problem.line}{' ' + problem.path if problem.path else ''}: " if problem.line else ""
        more = (
            f" ({', '.join(summary(report))} in all)" if problem is errors[-1] or problem is errors[_SHOWN - 1] else ""
        )
        yield error_details_pb2.BadRequest.FieldViolation(
            field=f"{data.spec}.{name}", description=f"{place}{problem.message}{more}", reason=problem.code
        )
