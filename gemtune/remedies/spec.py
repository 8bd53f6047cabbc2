"""Rows about what was asked for: the spec, its data, the base model and the place."""

from __future__ import annotations

from google.rpc import code_pb2

from gemtune.remedies.row import CREATE, Remedy

__all__ = ["SPEC"]

_C = code_pb2
_REFUSED = (_C.INVALID_ARGUMENT, _C.FAILED_PRECONDITION)

SPEC: tuple[Remedy, ...] = (
    # -- data --------------------------------------------------------------------------------------------------------
    Remedy(
        "dataset-uri",
        (_C.INVALID_ARGUMENT,),
        r"(?P<field>(?:training|validation)_dataset_uri)[`'\"]? should be a GCS object",
        "{field} has to be one JSONL object in Cloud Storage",
        "upload it (gcloud storage cp FILE gs://BUCKET/) and give gs://BUCKET/OBJECT.jsonl, without a wildcard",
        rpcs=CREATE,
        field=r"_dataset_uri$",
    ),
    Remedy(
        "dataset-format",
        (),
        r"Missing required `?'?contents`?'? field",
        "the rows are in an older format than this model reads (input_text/output_text, or messages)",
        'write each row as {{"contents": [{{"role": "user", "parts": [...]}}, {{"role": "model", "parts": [...]}}]}}',
        rpcs=CREATE,
        field=r"dataset",
    ),
    Remedy(
        "dataset-roles",  # no text is public; the first two are generateContent's, which takes the same contents
        _REFUSED,
        r"valid role: user, model|alternate between user and model|\b[Rr]ow\b.*\b[Rr]oles?\b",
        "the turns of a row are not as they must be: user and model in turn, the model last",
        'name the roles "user" and "model" (not "assistant"), end each row with "model", and put a system text into '
        "systemInstruction",
        rpcs=CREATE,
        field=r"dataset",
        guessed=True,
    ),
    Remedy(
        "validation-size",  # no text is public
        _REFUSED,
        r"(?i)validation[ _](?:data ?set|set|file|examples?|rows?)\b.*"
        r"(?:too (?:large|many|big)|exceed|at most|more than|larger than|limit)",
        "the validation dataset is larger than the service takes",
        "keep it to the `validation examples` and the `validation share` of `gemtune models MODEL`; for an open model, "
        "to 25 % of the training file's bytes",
        rpcs=CREATE,
        field=r"validation_dataset",
        guessed=True,
    ),
    # -- hyper-parameters --------------------------------------------------------------------------------------------
    Remedy(
        "adapter-size",
        (_C.INVALID_ARGUMENT,),
        r"adapter size is not supported for this base model",
        "this base model does not take that adapter size",
        "`gemtune models` lists the sizes of each base model; leave adapter_size out for its default",
        rpcs=CREATE,
        field=r"adapter_size$",
    ),
    Remedy(
        "learning-rates",  # no text is public
        (_C.INVALID_ARGUMENT,),
        r"(?s)(?=.*\blearning_?[rR]ate\b)(?=.*\blearning_?[rR]ate_?[mM]ultiplier\b).*"
        r"(?:\bboth\b|exclusive|exclude|[Oo]nly one|[Aa]t most one|together)",
        "learning_rate and learning_rate_multiplier exclude each other",
        "keep learning_rate_multiplier; learning_rate is for open models",
        rpcs=CREATE,
        field=r"learning_rate",
        guessed=True,
    ),
    # -- the base model ----------------------------------------------------------------------------------------------
    Remedy(
        "base-model",
        (_C.INVALID_ARGUMENT, _C.NOT_FOUND, _C.FAILED_PRECONDITION),
        r"[Bb]ase model (?P<model>\S+) is not supported",
        "{model} cannot be tuned: it is not a tunable version, is retired, or is not offered in this location",
        "`gemtune models` lists what can be tuned; name a version such as gemini-2.5-flash, without models/ or -latest",
        rpcs=CREATE,
        field=r"base_model$",
    ),
    Remedy(
        "model-name",
        (_C.INVALID_ARGUMENT,),
        r"[Mm]odel name .*is malformed",
        "a publisher model is wanted where another resource name was given",
        "give the base model's short name; to use a tuned model, call its endpoint (tuned_model.endpoint)",
        rpcs=CREATE,
        field=r"model",
    ),
    Remedy(
        "model-missing",
        (_C.NOT_FOUND,),
        r"Publisher [Mm]odel \S*/models/(?P<model>[^\s`]+) was not found",
        "{model} is not offered in this location, or not to this project",
        "choose another --location, or another model from `gemtune models`",
    ),
    # -- the place ---------------------------------------------------------------------------------------------------
    Remedy(
        "global-location",
        _REFUSED,
        # Both a refusal and `global` as a place: "global batch size" is none.
        r"(?s)(?=.*(?:not (?:be )?(?:supported|support|available|allowed)|unsupported))"
        r".*(?:(?:location|region)[:=]? ?[`'\"]?global\b|\bglobal[`'\"]? (?:location|region|endpoint)"
        r"|\b(?:in|at|for) [`'\"]?global[`'\"]?(?=[.,;:)]|$| (?:is|does|not)\b))",
        "this is not possible in the location `global`",
        "use a region, such as --location us-central1",
        rpcs=CREATE,
        field=r"location|parent|base_model",
        guessed=True,
    ),
    Remedy(
        "model-region",
        (*_REFUSED, _C.NOT_FOUND, _C.UNIMPLEMENTED),
        r"\b[Rr]egion [`'\"]?(?P<region>[a-z]+-[a-z]+\d+)[`'\"]? is not supported"
        r"|not (?:supported|available) in (?:the )?(?:location|region):? [`'\"]?(?P<region_2>[a-z]+-[a-z]+\d+)",
        "this base model is not tuned in {region}",
        "`gemtune models` lists the regions of each base model, where they are known; choose one with --location",
        rpcs=CREATE,
        field=r"location|parent|base_model",
        guessed=True,
    ),
    # -- other fields ------------------------------------------------------------------------------------------------
    Remedy(
        "output-uri",
        (_C.INVALID_ARGUMENT,),
        r"output_uri field is required",
        "an open model is tuned into a folder of yours",
        "set output_uri to gs://BUCKET/FOLDER (needs --api-version v1beta1)",
        rpcs=CREATE,
        field=r"output_uri$",
    ),
    Remedy(
        "open-model-name",
        (_C.INVALID_ARGUMENT,),
        r"Invalid open source publisher model resource name",
        "an open model is named by its publisher's resource name",
        "give base_model as publisher/model@version, as the model's page says it",
        rpcs=CREATE,
        field=r"base_model$",
    ),
    Remedy(
        "cmek",
        _REFUSED,
        r"CMEK|customer.managed encryption",
        "this model or location does not take a customer-managed encryption key",
        "leave encryption_spec out, or use a model that takes one (`gemtune models`) and a key in the job's region",
        rpcs=CREATE,
        field=r"encryption_spec|kms_key",
    ),
    Remedy(
        "labels",  # no text is public
        (_C.INVALID_ARGUMENT,),
        r"(?im)^(?:invalid |the )*labels?\b.*"
        r"\b(?:keys?|values?|characters?|lower ?case|invalid|too (?:many|long)|at most|exceeds?)\b"
        r"|^invalid labels?\b",
        "a label is not as labels must be",
        "at most 64 labels; keys and values of up to 63 lowercase letters, digits, _ and -; a key begins with a letter",
        rpcs=CREATE,
        field=r"labels",
        guessed=True,
    ),
    Remedy(
        "unknown-field",
        (_C.INVALID_ARGUMENT,),
        r'Unknown name "(?P<field>[^"]+)"',
        "the service has no field {field} at that place",
        "`gemtune validate -f FILE` names the nearest one; a field of v1beta1 needs --api-version v1beta1",
    ),
    Remedy(
        "evaluation",
        (_C.INVALID_ARGUMENT,),
        r"[Ee]valuation config must have at least one metric and an output config",
        "an evaluation needs metrics and a place for its results",
        "set both evaluation_config.metrics and evaluation_config.output_config.gcs_destination.output_uri_prefix",
        rpcs=CREATE,
        field=r"evaluation_config",
    ),
    Remedy(
        "predict",
        (_C.INVALID_ARGUMENT,),
        r"cannot be accessed through Vertex Predict",
        "a tuned Gemini model is called by generateContent, not by predict",
        "POST to https://LOCATION-aiplatform.googleapis.com/v1/ENDPOINT:generateContent",
    ),
)
