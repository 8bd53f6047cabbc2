"""Whatever json_format makes of a text or a message, gemtune makes too: the same bytes, the same JSON, or a refusal."""

from __future__ import annotations

from typing import Any

import pytest
from google.longrunning import operations_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from hypothesis import given, settings, strategies as st

from gemtune.testing import messages
from gemtune_pb.v1 import CreateTuningJobRequest, ListTuningJobsResponse, TuningJob
from tests.support.json_format_oracle import assert_read_alike, assert_written_alike
from tests.support.json_inputs import changed, texts
from tests.support.message_types import FAST, SLOW, kind

OURS = [TuningJob, ListTuningJobsResponse, CreateTuningJobRequest, operations_pb2.Operation]
TYPES = [*FAST, *SLOW, *OURS]
ANY_OF = [error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo, kind("kinds3.WellKnown"), TuningJob]

# One test draws from all types: their examples are as many together as several tests' would be.
many = settings(max_examples=3 * settings.default.max_examples)


def of_any_type(strategy: Any) -> st.SearchStrategy[tuple[Any, Any]]:
    """Pairs of a message type and what a strategy draws for it."""
    return st.sampled_from(TYPES).flatmap(lambda t: st.tuples(st.just(t), strategy(t)))


@pytest.mark.parametrize("lenient", [False, True], ids=["strict", "lenient"])
@many
@given(of_any_type(texts))
def test_generated_json_is_read_alike(lenient: bool, case: tuple[Any, str]) -> None:
    message_type, text = case
    assert_read_alike(text, message_type, lenient=lenient)


@pytest.mark.parametrize("lenient", [False, True], ids=["strict", "lenient"])
@many
@given(of_any_type(changed))
def test_right_json_that_was_changed_is_read_alike(lenient: bool, case: tuple[Any, str]) -> None:
    message_type, text = case
    assert_read_alike(text, message_type, lenient=lenient)


@many
@given(of_any_type(lambda t: messages(t, any_of=ANY_OF)))
def test_generated_messages_are_written_alike(case: tuple[Any, Message]) -> None:
    assert_written_alike(case[1])
