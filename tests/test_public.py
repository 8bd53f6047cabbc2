"""The public names, and what importing them costs and does not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

import gemtune

MESSAGES = [
    "TuningJob", "SupervisedTuningSpec", "SupervisedHyperParameters", "AdapterSize", "JobState", "TunedModel",
    "PreTunedModel", "ListTuningJobsResponse", "CreateTuningJobRequest", "GetTuningJobRequest", "ListTuningJobsRequest",
    "CancelTuningJobRequest", "RebaseTunedModelRequest", "TunedModelRef",
]  # fmt: skip


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True
    ).stdout


@pytest.mark.parametrize("name", sorted(gemtune.__all__))
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(gemtune, name) is not None
    assert name in dir(gemtune)


@pytest.mark.parametrize("name", MESSAGES)
def test_the_messages_of_the_contract_are_public(name: str) -> None:
    assert name in gemtune.__all__


def test_a_wrong_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Tuningjob'"):
        _ = gemtune.Tuningjob


@pytest.mark.parametrize("code", ["import gemtune", "from gemtune import TuningJob"])
def test_importing_loads_nothing_heavy(code: str) -> None:
    heavy = [
        "requests",
        "urllib3",
        "grpc",
        "google.auth",
        "yaml",
        "click",
        "rich",
        "sqlite3",
        "google.protobuf.json_format",
    ]
    assert run(f"{code}; import sys; print([m for m in {heavy} if m in sys.modules])").strip() == "[]"


def test_a_client_for_an_emulator_loads_no_auth_and_no_grpc() -> None:
    code = "import gemtune; gemtune.TuningClient('p', endpoint='http://127.0.0.1:1')"
    loaded = run(f"{code}; import sys; print([m for m in ['grpc', 'google.auth', 'yaml'] if m in sys.modules])")
    assert loaded.strip() == "[]"


def test_the_stub_says_which_extra_it_needs() -> None:
    code = (
        "import sys; sys.modules['grpc'] = None\nimport gemtune\n"
        "try:\n gemtune.TuningServiceStub\nexcept gemtune.ConfigurationError as e:\n print(e)"
    )
    assert "pip install 'gemtune[grpc]'" in run(code)


def test_adapter_size_is_the_enum_of_the_spec() -> None:
    assert gemtune.AdapterSize is gemtune.SupervisedHyperParameters.AdapterSize
    assert gemtune.AdapterSize.ADAPTER_SIZE_FOUR == 2
