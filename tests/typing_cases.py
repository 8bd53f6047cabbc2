"""Read by type checkers, not run: right uses pass, and each wrong one is an error that its comment says to ignore.

mypy and pyright in strict mode check this file against the installed package; an ignored line without an error is an
error too, so that what must be wrong stays wrong.
"""

import gemtune
from gemtune import AdapterSize, SupervisedHyperParameters, SupervisedTuningSpec, TuningJob, sft

job = TuningJob(
    base_model="gemini-2.5-flash",
    supervised_tuning_spec=SupervisedTuningSpec(
        training_dataset_uri="gs://bucket/train.jsonl",
        hyper_parameters=SupervisedHyperParameters(epoch_count=4, adapter_size=AdapterSize.ADAPTER_SIZE_FOUR),
    ),
    labels={"team": "search"},
)
name: str = job.name
epochs: int = job.supervised_tuning_spec.hyper_parameters.epoch_count
TuningJob(base_modl="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
job.base_model = 4  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
job.no_such_field  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # noqa: B018
job.HasField("nope")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def follow(client: gemtune.TuningClient) -> str:
    created: TuningJob = client.create_tuning_job(job, request_id="mine")
    for each in client.list_tuning_jobs(filter='state="JOB_STATE_RUNNING"', page_size=10):
        client.cancel_tuning_job(each.name)
    client.create_tuning_job("spec.yaml")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return client.wait_tuning_job(created.name).tuned_model.model


read: TuningJob = gemtune.from_json("{}", TuningJob)


def states(job: TuningJob, old: sft.SupervisedTuningJob) -> list[str]:
    TuningJob(state=gemtune.JobState.JOB_STATE_RUNNING)
    job.state = gemtune.JobState.JOB_STATE_RUNNING
    number: int = gemtune.JobState.Value("JOB_STATE_RUNNING") + gemtune.JobState(3).value
    value: gemtune.JobState.ValueType = gemtune.JobState.JOB_STATE_PAUSED
    state: gemtune.JobState = old.state
    ended = old.state == gemtune.JobState.JOB_STATE_SUCCEEDED or job.state == gemtune.JobState(number)
    ended = ended or old.state in (gemtune.JobState.JOB_STATE_FAILED, value)
    gemtune.JobState.JOB_STATE_X  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # noqa: B018
    gemtune.JobState("JOB_STATE_RUNNING")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    names = [name for name, _ in gemtune.JobState.items()] + gemtune.JobState.keys()
    return [gemtune.JobState(job.state).name, state.name, gemtune.JobState.Name(value), *names, str(ended)]
