"""Rewards of reinforcement tuning, tried out: what compares texts is carried out, what would run code or ask is not."""

from __future__ import annotations

import re
from typing import Any

from google.rpc import code_pb2, status_pb2

from gemtune.emulator.checks import Violation, check_parent
from gemtune_pb.v1 import (
    ReinforcementTuningParseResponseConfig as Parse,
    ReinforcementTuningRewardInfo,
    ReinforcementTuningStringMatchRewardScorer as StringMatch,
    ValidateReinforcementTuningRewardRequest,
    ValidateReinforcementTuningRewardResponse,
)

__all__ = ["check_reward", "validated"]

_SCORERS = {
    "autorater_scorer": "asks no model",
    "cloud_run_reward_scorer": "calls no service",
    "code_execution_reward_scorer": "runs no code",
}
_LONGEST_PATTERN = 1000  # characters; the patterns are a caller's, and Python's engine may take long over them


def check_reward(request: ValidateReinforcementTuningRewardRequest) -> list[Violation]:
    """What is missing in a request; empty when nothing is."""
    found = check_parent(request.parent)
    found += [(name, f"{name} is required.") for name in ("example", "sample_response") if not request.HasField(name)]
    configs = [name for name in ("single_reward_config", "composite_reward_config") if request.HasField(name)]
    if len(configs) != 1:
        found.append(
            ("single_reward_config", "exactly one of single_reward_config and composite_reward_config is set.")
        )
    return found


def validated(request: ValidateReinforcementTuningRewardRequest) -> ValidateReinforcementTuningRewardResponse:
    """The reward of each reward function, and their weighted mean; none where one of them has none."""
    weighted: list[tuple[float, Any]] = [(1.0, request.single_reward_config)]
    if request.HasField("composite_reward_config"):
        configs = request.composite_reward_config.weighted_reward_configs
        weighted = [(one.weight if one.HasField("weight") else 1.0, one.reward_config) for one in configs]
    answer = ValidateReinforcementTuningRewardResponse()
    total = weights = 0.0
    for index, (weight, config) in enumerate(weighted):
        info = _rewarded(config, request)
        answer.reward_info_details[config.reward_name or f"reward_{index}"].CopyFrom(info)
        if info.HasField("error_status"):
            answer.error_status.CopyFrom(info.error_status)
        total, weights = total + weight * info.reward, weights + weight
    if not answer.HasField("error_status") and weights:
        answer.overall_reward = total / weights
    return answer


def _rewarded(config: Any, request: ValidateReinforcementTuningRewardRequest) -> ReinforcementTuningRewardInfo:
    for scorer, words in _SCORERS.items():
        if config.HasField(scorer):
            return _failed(code_pb2.UNIMPLEMENTED, f"The emulator {words}: {scorer} is not tried out.")
    if not config.HasField("string_match_reward_scorer"):
        return _failed(code_pb2.INVALID_ARGUMENT, "The reward config has no scorer.")
    scorer = config.string_match_reward_scorer
    text = "".join(part.text for part in request.sample_response.parts if not part.thought)
    try:
        matches = _matches(scorer, _parsed(text, config.parse_response_config), dict(request.example.references))
    except (re.error, ValueError) as error:
        return _failed(code_pb2.INVALID_ARGUMENT, f"The expression cannot be used: {error}.")
    reward = scorer.correct_answer_reward if matches else scorer.wrong_answer_reward
    return ReinforcementTuningRewardInfo(reward=min(1.0, max(-1.0, reward)))


def _failed(code: int, message: str) -> ReinforcementTuningRewardInfo:
    return ReinforcementTuningRewardInfo(error_status=status_pb2.Status(code=code, message=message))


def _parsed(text: str, parse: Any) -> str:
    if parse.parse_type != Parse.REGEX_EXTRACT:
        return text
    found = re.search(_pattern(parse.regex_extract_expression), text, re.DOTALL)
    return (found[1] if found.re.groups else found[0]) if found else ""


def _matches(scorer: Any, text: str, references: dict[str, str]) -> bool:
    wanted = scorer.string_match_expression
    if scorer.HasField("json_match_expression"):
        from gemtune.rpc import nesting

        wanted = scorer.json_match_expression.value_string_match_expression
        try:
            value = nesting.loads(text).get(scorer.json_match_expression.key_name)
        except (ValueError, AttributeError):
            return False
        text = value if isinstance(value, str) else str(value)
    kinds = StringMatch.StringMatchExpression
    if wanted.match_operation == kinds.REGEX_CONTAINS:
        return re.search(_pattern(_filled(wanted.expression, references, re.escape)), text) is not None
    expression = _filled(wanted.expression, references, str)
    return expression in text if wanted.match_operation == kinds.PARTIAL_MATCH else expression == text


def _filled(expression: str, references: dict[str, str], form: Any) -> str:
    return re.sub(r"\{\{references\.([^}]+)\}\}", lambda found: form(references.get(found[1], "")), expression)


def _pattern(text: str) -> str:
    if len(text) > _LONGEST_PATTERN:
        raise ValueError(f"it has more than {_LONGEST_PATTERN} characters")
    return text
