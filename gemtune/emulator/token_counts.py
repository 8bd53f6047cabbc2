"""Tokens of contents, as a publisher's model would count them; here it is the rule of the offline estimate."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from gemtune.dataset.row_tokens import row_tokens
from gemtune.emulator.checks import invalid
from gemtune.errors import NotFound
from gemtune.rpc.codec import to_json
from gemtune.specs import catalogue
from gemtune_pb.v1 import Content, CountTokensRequest, CountTokensResponse, Modality, ModalityTokenCount

__all__ = ["counted"]

_MODEL = re.compile(r"projects/[^/]+/locations/[^/]+/publishers/([^/]+)/models/([^/]+)")


def counted(request: CountTokensRequest) -> CountTokensResponse:
    """The tokens of a request.

    Raises:
        NotFound: There is no such model, or it is an endpoint: none of those answers here.
        InvalidArgument: There is nothing to count.
    """
    name = request.model or request.endpoint
    model = _MODEL.fullmatch(name)
    if model is None:
        raise NotFound("The Endpoint does not exist.")
    if model[1] != "google" or catalogue().get(model[2]) is None:
        raise NotFound(f"Publisher Model `{name}` was not found or your project does not have access to it.")
    if not request.contents:
        raise invalid([("contents", "contents is required.")])
    counts: Counter[Modality.ValueType] = Counter()
    rest = CountTokensRequest()
    rest.CopyFrom(request)
    for content in rest.contents:
        for part in [part for part in content.parts if part.HasField("file_data") or part.HasField("inline_data")]:
            alone = CountTokensRequest(contents=[Content(parts=[part])], generation_config=request.generation_config)
            content.parts.remove(part)
            tokens, [modality] = _tokens(alone, model[2])
            counts[Modality.Value(modality.upper())] += tokens
    counts[Modality.TEXT] += _tokens(rest, model[2])[0]
    texts = [part.text for content in (request.system_instruction, *request.contents) for part in content.parts]
    return CountTokensResponse(
        total_tokens=counts.total(),
        total_billable_characters=len("".join("".join(texts).split())),
        prompt_tokens_details=[
            ModalityTokenCount(modality=modality, token_count=number)
            for modality, number in sorted(counts.items())
            if number
        ],
    )


def _tokens(request: CountTokensRequest, model: str) -> tuple[int, list[str]]:
    row: dict[str, Any] = json.loads(to_json(request))
    found = row_tokens({"contents": [], **row}, base_model=model)
    return (found[0].likely, found[1]) if found is not None else (0, [])
