"""Rows about the service: its quotas and its troubles."""

from __future__ import annotations

from google.rpc import code_pb2

from gemtune.remedies.row import CREATE, Remedy

__all__ = ["SERVICE"]

_C = code_pb2

SERVICE: tuple[Remedy, ...] = (
    # -- quotas ------------------------------------------------------------------------------------------------------
    Remedy(
        "concurrent-jobs",
        (_C.RESOURCE_EXHAUSTED,),
        r"(?i)concurrent[\W_]?tuning[\W_]?jobs",
        "the project's quota of concurrent tuning jobs (over all regions and models) is used up",
        "wait for a job to end or cancel one (gemtune list), or ask for more of `Global concurrent tuning jobs`",
        rpcs=CREATE,
    ),
    Remedy(
        "quota",
        (_C.RESOURCE_EXHAUSTED,),
        r"(?m)exceed quota limits?: (?P<quota>\S+)"
        r"|Quota exceeded for (?:quota )?(?:metric:? )?(?:'(?P<quota_2>[^'\n]+)'|(?P<quota_3>[^'\s]+))"
        r"|^quota: (?P<quota_4>.+)$",
        "a quota is used up: {quota}",
        "try again later, or ask for more of it in the console (IAM & Admin, Quotas)",
    ),
    Remedy(
        "exhausted",
        (_C.RESOURCE_EXHAUSTED,),
        r"",
        "a quota of the project is used up, or the service has no capacity left; it does not say which",
        "try again later; if jobs of yours are under way (gemtune list), wait for one to end",
        about="call",
        rpcs=CREATE,
        guessed=True,
        elsewhere="try again later",
    ),
    Remedy(
        "job-exhausted",
        (_C.RESOURCE_EXHAUSTED,),
        r"",
        "a quota of the project is used up, or the service has no capacity left; it does not say which",
        "wait until no other job is under way (gemtune list), then create a job of the same spec "
        "(gemtune get {job} -o spec > again.yaml)",
        about="job",
        guessed=True,
    ),
    # -- troubles ----------------------------------------------------------------------------------------------------
    Remedy(
        "endpoint-step",
        (_C.INTERNAL,),
        r"Failed to create endpoint\. Tuned model is uploaded",
        "the model was tuned and kept, and only its endpoint was not made",
        "deploy tuned_model.model to an endpoint yourself (gcloud ai endpoints deploy-model); no new job is needed",
        rpcs=(*CREATE, "GetOperation"),
    ),
    Remedy(
        "path-without-project",
        (_C.NOT_FOUND,),
        r"/v1(?:beta1)?/tuningJobs",
        "the request's path had no project",
        "set GOOGLE_CLOUD_PROJECT, or give --project (in Python: project=)",
        about="call",
    ),
    Remedy(
        "unavailable",
        (_C.UNAVAILABLE, _C.INTERNAL, _C.UNKNOWN, _C.DEADLINE_EXCEEDED),
        r"",
        "the service is in trouble, or met something that it does not report",
        "try again later; before a job is created anew, `gemtune list` shows whether the first was made",
        about="call",
        rpcs=CREATE,
        guessed=True,
        elsewhere="try again later",
    ),
    Remedy(
        "job-trouble",
        (_C.UNAVAILABLE, _C.INTERNAL, _C.UNKNOWN, _C.DEADLINE_EXCEEDED, _C.ABORTED, _C.DATA_LOSS),
        r"",
        "the service failed while the job ran, and does not say that the spec or the data are at fault",
        "create a job of the same spec (gemtune get {job} -o spec > again.yaml); if that fails too, ask Google's "
        "support, with the job's full name",
        about="job",
        guessed=True,
    ),
)
