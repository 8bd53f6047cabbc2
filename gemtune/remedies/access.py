"""Rows about who asks: credentials, projects, service accounts, buckets and what each may do."""

from __future__ import annotations

from google.rpc import code_pb2

from gemtune.remedies.row import CREATE, Remedy

__all__ = ["ACCESS"]

_C = code_pb2
_TUNING_AGENT = "service-PROJECT_NUMBER@gcp-sa-vertex-tune.iam.gserviceaccount.com"
_USER_ROLE = "gcloud projects add-iam-policy-binding {project} --member={member} --role=roles/aiplatform.user"
_ON_BUCKET = "gcloud storage buckets add-iam-policy-binding gs://{bucket} --member=serviceAccount:{service_account} "

ACCESS: tuple[Remedy, ...] = (
    # -- the project -------------------------------------------------------------------------------------------------
    Remedy(
        "billing",
        (_C.PERMISSION_DENIED, _C.FAILED_PRECONDITION),
        r"billing on project #?(?P<project>[\w:.-]+)|requires billing to be enabled|BILLING_DISABLED",
        "the project has no billing account, or its billing is off",
        "gcloud billing projects link {project} --billing-account=ACCOUNT_ID, and try again some minutes later",
    ),
    Remedy(
        "api-disabled",
        (_C.PERMISSION_DENIED,),
        r"has not been used in project (?P<project>[\w:.-]+)|SERVICE_DISABLED|API has not been enabled",
        "the Vertex AI API is not enabled in this project",
        "gcloud services enable aiplatform.googleapis.com --project {project}",
    ),
    Remedy(
        "quota-project",
        (_C.PERMISSION_DENIED,),
        r"does not have required permission to use project (?P<project>\S+?)\.? |USER_PROJECT_DENIED",
        "the account may not use the project that the calls are billed to",
        "gcloud auth application-default set-quota-project {project}, or "
        "ask for roles/serviceusage.serviceUsageConsumer",
    ),
    Remedy(
        "project-missing",
        (_C.PERMISSION_DENIED,),
        r"CONSUMER_INVALID|Permission denied on resource project",
        "there is no such project, or the account may not see it",
        "give --project a project's id, not its display name: `gcloud projects list` shows both",
    ),
    Remedy(
        "accelerators",
        (),
        r"Accelerators are not supported for this project",
        "this project is restricted (a lab's, a trial's) and cannot tune",
        "use a project with billing of its own",
        rpcs=CREATE,
    ),
    Remedy(
        "service-perimeter",
        (_C.PERMISSION_DENIED,),
        r"SECURITY_POLICY_VIOLATED|prohibited by organization's policy",
        "the organization's VPC Service Controls do not let this request through",
        "call from inside the perimeter, or give its administrator the answer's vpcServiceControlsUniqueIdentifier",
    ),
    # -- buckets -----------------------------------------------------------------------------------------------------
    Remedy(
        "bucket-metadata",
        (),
        r"storage\.buckets\.get\b",
        "the account that reads the dataset may not look at that bucket",
        _ON_BUCKET + "--role=roles/storage.legacyBucketReader, and the same with --role=roles/storage.objectViewer",
        rpcs=CREATE,
    ),
    Remedy(
        "bucket-write",
        (),
        r"storage\.objects\.(?:create|delete|update)\b",
        "the account that the job runs as may not write to that bucket",
        _ON_BUCKET + "--role=roles/storage.objectUser",
        rpcs=CREATE,
    ),
    Remedy(
        "bucket-access",
        (),
        r"storage\.objects\.(?:get|list)\b|[Pp]ermission denied (?:on|for|to) (?:the )?(?:bucket|object|gs://)",
        "the account that reads the dataset may not read that bucket or object",
        _ON_BUCKET + "--role=roles/storage.objectViewer",
        rpcs=CREATE,
    ),
    # -- service accounts --------------------------------------------------------------------------------------------
    Remedy(
        "act-as",
        (_C.PERMISSION_DENIED,),
        r"iam\.serviceAccounts\.actAs",
        "the caller may not run jobs as that service account",
        "gcloud iam service-accounts add-iam-policy-binding {service_account} --member={member} "
        "--role=roles/iam.serviceAccountUser",
        rpcs=CREATE,
    ),
    Remedy(
        "token-creator",
        (),
        r"iam\.serviceAccounts\.getAccessToken|serviceAccountTokenCreator",
        "the service agent of tuning may not act for the job's service account",
        f"gcloud iam service-accounts add-iam-policy-binding {{service_account}} "
        f"--member=serviceAccount:{_TUNING_AGENT} --role=roles/iam.serviceAccountTokenCreator",
        rpcs=CREATE,
    ),
    Remedy(
        "agent-missing",
        (),
        r"Principal .*does not exist|gcp-sa-vertex-tune\S* does not exist",
        "the service agent of tuning (gcp-sa-vertex-tune) exists only after a project's first tuning job",
        "start and cancel one tuning job, then grant the role",
        rpcs=CREATE,
    ),
    Remedy(
        "agents-provisioned",
        (_C.FAILED_PRECONDITION,),
        r"Service agents are being provisioned",
        "the service is making the project's service agents, which read the data",
        "try again in a few minutes",
        rpcs=CREATE,
    ),
    # -- permissions -------------------------------------------------------------------------------------------------
    Remedy(
        "permission",
        (_C.PERMISSION_DENIED,),
        r"Permission '(?P<permission>aiplatform\.[\w.]+)' denied",
        "the permission {permission} is missing",
        _USER_ROLE,
    ),
    Remedy(
        "permission-elsewhere",
        (_C.PERMISSION_DENIED,),
        r"Permission '(?P<permission>[\w.]+)' denied",
        "the permission {permission} is missing",
        "grant a role that has it on the resource that the service names: "
        "https://cloud.google.com/iam/docs/roles-permissions lists the roles of each permission",
    ),
    # -- credentials -------------------------------------------------------------------------------------------------
    Remedy(
        "scopes",
        (_C.PERMISSION_DENIED,),
        r"ACCESS_TOKEN_SCOPE_INSUFFICIENT|insufficient authentication scopes",
        "the credentials were made without the scope that the service asks for",
        "gcloud auth application-default login "
        "--scopes=https://www.googleapis.com/auth/cloud-platform; a virtual machine has its scopes from its settings",
        about="call",
    ),
    Remedy(
        "emulator-token",
        (_C.UNAUTHENTICATED,),
        r"the token that the emulator was started with",
        "the emulator was started with --token, and the call did not carry that token",
        "set GEMTUNE_EMULATOR_TOKEN beside GEMTUNE_EMULATOR_HOST, or pass "
        "credentials=google.oauth2.credentials.Credentials(token=...)",
        about="call",
    ),
    # -- any text of the code ----------------------------------------------------------------------------------------
    Remedy(
        "credentials",
        (_C.UNAUTHENTICATED,),
        r"",
        "the credentials are missing, invalid or expired",
        "gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS to a key file",
        about="call",
    ),
    Remedy(
        "denied",
        (_C.PERMISSION_DENIED,),
        r"",
        "the account may not do this in this project, or what was named is in another project",
        "see that --project is right ({project}; gcloud auth list shows the account), then " + _USER_ROLE,
        about="call",
        guessed=True,
    ),
    Remedy(
        "job-denied",
        (_C.PERMISSION_DENIED,),
        r"",
        "the account that the job runs as lacks a permission, and the service does not say which",
        "let it read the data: " + _ON_BUCKET + "--role=roles/storage.objectViewer, where ACCOUNT is the job's "
        "service_account, else " + _TUNING_AGENT,
        about="job",
        guessed=True,
    ),
)
