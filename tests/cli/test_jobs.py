"""`gemtune get`, `list`, `cancel` and `wait` in a pipe: data whole and exact, statuses by the contract."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
import yaml
from google.protobuf import text_format

from gemtune import ListTuningJobsResponse, TuningClient, TuningJob, from_json
from tests.support.commandline import COMMAND, Ran, process, told

Gemtune = Callable[..., Ran]


@pytest.fixture
def ended(service: str, gemtune: Gemtune, spec: str) -> str:
    """The full name of a job that has succeeded."""
    ran = gemtune("create", "-f", spec, "--wait", "-o", "json")
    name: str = json.loads(ran.out)["name"]
    return name


@pytest.fixture
def going(slow: str, gemtune: Gemtune, spec: str) -> str:
    """The full name of a job that takes an hour."""
    return gemtune("create", "-f", spec).out.strip()


def id_of(name: str) -> str:
    return name.rpartition("/")[2]


@pytest.mark.parametrize(
    "naming",
    [
        "{name}",
        "{id}",
        "tuningJobs/{id}",
        "https://console.cloud.google.com/vertex-ai/generative/language/locations/us-central1/tuning/tuningJob/{id}?project={project}",
    ],
)
def test_a_job_is_found_however_it_is_named(naming: str, service: str, ended: str, gemtune: Gemtune) -> None:
    ran = gemtune("get", naming.format(name=ended, id=id_of(ended), project=service), "-o", "json")
    assert json.loads(ran.out)["name"] == ended


def test_the_machine_formats_are_the_same_message(ended: str, gemtune: Gemtune) -> None:
    job = from_json(gemtune("get", ended, "-o", "json").out, TuningJob)
    as_yaml = from_json(json.dumps(yaml.safe_load(gemtune("get", ended, "-o", "yaml").out)), TuningJob)
    as_text = text_format.Parse(gemtune("get", ended, "-o", "textproto").out, TuningJob())
    assert job.name == ended
    assert job == as_yaml == as_text


def test_in_a_pipe_get_gives_whole_values_and_exact_times(ended: str, gemtune: Gemtune) -> None:
    out = gemtune("get", ended).out
    assert re.search(rf"^name +{ended}$", out, re.M)
    assert re.search(r"^rank +4 \(ADAPTER_SIZE_FOUR\)$", out, re.M)
    assert re.search(r"^created +\d{4}-\d\d-\d\dT[\d:.]+Z$", out, re.M)
    assert re.search(r"^model +projects/\d+/locations/us-central1/models/\d+@1$", out, re.M)


def test_a_list_in_a_pipe_is_a_table_that_cuts_nothing(ended: str, gemtune: Gemtune) -> None:
    header, row = gemtune("list").out.splitlines()
    assert header.split() == ["ID", "STATE", "MODEL", "CREATED", "ENDED", "NAME", "ERROR"]
    assert row.split()[:3] == [id_of(ended), "SUCCEEDED", "gemini-3.5-flash"]
    assert row.endswith("summaries v2")


def test_a_list_as_json_is_the_apis_answer(ended: str, gemtune: Gemtune) -> None:
    out = gemtune("list", "-o", "json").out
    assert list(json.loads(out)) == ["tuningJobs"]
    assert [job.name for job in from_json(out, ListTuningJobsResponse).tuning_jobs] == [ended]


def test_an_empty_list_is_said_on_stderr_and_is_an_empty_list_in_json(service: str, gemtune: Gemtune) -> None:
    ran = gemtune("list")
    assert (ran.status, ran.out) == (0, "")
    assert ran.err == f"no tuning jobs in project {service} in us-central1\n"
    assert json.loads(gemtune("list", "-o", "json").out) == {"tuningJobs": []}


def test_a_list_is_filtered_by_the_service_and_limited_over_pages(service: str, gemtune: Gemtune, spec: str) -> None:
    names = [gemtune("create", "-f", spec, "--labels", f"n={i}").out.strip() for i in range(4)]
    listed = json.loads(gemtune("list", "--limit", "3", "--page-size", "2", "-o", "json").out)["tuningJobs"]
    assert [job["name"] for job in listed] == names[:0:-1]
    found = json.loads(gemtune("list", "--filter", 'labels.n="2"', "-o", "json").out)["tuningJobs"]
    assert [job["name"] for job in found] == [names[2]]


def test_a_filter_that_the_service_refuses_is_status_1(service: str, gemtune: Gemtune) -> None:
    ran = gemtune("list", "--filter", "nonsense =")
    assert ran.status == 1
    assert "'nonsense' is not a field" in ran.err


def test_waiting_for_a_job_that_has_succeeded_is_status_0(ended: str, gemtune: Gemtune) -> None:
    ran = gemtune("wait", ended)
    assert ran.status == 0
    assert re.fullmatch(r"\S+Z SUCCEEDED \S+/models/\S+ \S+/endpoints/\S+\n", ran.out)


def test_a_job_that_was_cancelled_makes_wait_fail_and_cancel_succeed(service: str, gemtune: Gemtune, spec: str) -> None:
    name = gemtune("create", "-f", spec).out.strip()
    cancelled = gemtune("cancel", name, "--wait")
    assert cancelled.status == 0
    assert "CANCELLED" in cancelled.out.splitlines()[-1]
    waited = gemtune("wait", name)
    assert waited.status == 1
    assert waited.err.startswith(f"error: {name} ended as CANCELLED")


def test_cancelling_what_has_succeeded_says_so(ended: str, gemtune: Gemtune) -> None:
    ran = gemtune("cancel", ended, "--wait")
    assert ran.status == 1
    assert "ended as SUCCEEDED before it could be cancelled" in ran.err


def test_cancelling_an_ended_job_without_waiting_says_how_it_ended(ended: str, gemtune: Gemtune) -> None:
    ran = gemtune("cancel", ended)
    assert (ran.status, ran.out) == (0, "")
    assert ran.err == f"{ended} has already ended as SUCCEEDED; there is nothing to cancel\n"


def test_a_list_of_one_state(ended: str, gemtune: Gemtune) -> None:
    def listed(*args: str) -> int:
        return len(json.loads(gemtune("list", "-o", "json", *args).out)["tuningJobs"])

    assert listed("--state", "succeeded") == listed("--state", "JOB_STATE_SUCCEEDED") == 1
    assert listed("--state", "failed") == 0
    assert listed("--state", "succeeded", "--filter", 'state="JOB_STATE_FAILED" OR labels.x="y"') == 0
    refused = gemtune("list", "--state", "done")
    assert refused.status == 2
    assert "'done' is not a state of a job; the states are queued, pending, running, succeeded, failed" in refused.err


def test_a_cancel_as_json_is_the_apis_empty_answer(going: str, gemtune: Gemtune) -> None:
    ran = gemtune("cancel", going, "-o", "json")
    assert (ran.status, ran.out) == (0, "{}\n")
    assert f"asked to cancel {going}" in ran.err


def test_a_wait_that_times_out_is_status_3_and_says_how_to_come_back(going: str, gemtune: Gemtune) -> None:
    ran = gemtune("wait", going, "--timeout", "200ms")
    assert ran.status == 3
    assert f"come back with: gemtune wait {id_of(going)} --location us-central1" in ran.err


def test_the_way_back_repeats_the_options_that_were_given(slow: str, gemtune: Gemtune, spec: str) -> None:
    given = ["--project", "acme", "--location", "europe-west4", "--api-version", "v1beta1"]
    name = gemtune("create", "-f", spec, *given).out.strip()
    ran = gemtune("wait", id_of(name), *given, "--timeout", "0")
    back = f"gemtune wait {id_of(name)} --location europe-west4 --project acme --api-version v1beta1"
    assert back in ran.err


def test_without_a_project_the_way_back_is_the_full_name(
    going: str, gemtune: Gemtune, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    assert f"gemtune wait {going}\n" in gemtune("wait", going, "--timeout", "0").err


def test_a_job_that_does_not_exist_is_status_1_and_says_where_it_was_looked_for(service: str, gemtune: Gemtune) -> None:
    for command in (["get", "999"], ["wait", "999"], ["cancel", "999"]):
        ran = gemtune(*command)
        assert ran.status == 1
        assert f"looked for projects/{service}/locations/us-central1/tuningJobs/999" in ran.err
        assert "--location" in ran.err


def test_a_model_where_a_job_is_wanted_is_told_apart(gemtune: Gemtune) -> None:
    ran = gemtune("get", "projects/p/locations/us-central1/models/5@1")
    assert ran.status == 2
    assert "is a model" in ran.err


@pytest.mark.parametrize(
    ("number", "status", "said"), [(signal.SIGINT, 130, "stopped"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_leaves_the_job_running_and_says_how_to_come_back(
    number: int, status: int, said: str, going: str
) -> None:
    with subprocess.Popen(
        [*COMMAND, "wait", going], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline()  # it has asked for the job, and so it waits
        child.send_signal(number)
        _, err = child.communicate(timeout=20)
    assert child.returncode == status
    assert said in err
    assert f"come back with: gemtune wait {id_of(going)} --location us-central1" in err
    with TuningClient() as client:
        assert not client.get_tuning_job(going).HasField("end_time")


def test_a_reader_that_has_had_enough_is_no_error(ended: str) -> None:
    with subprocess.Popen(
        [*COMMAND, "get", ended, "-o", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert told(child.stderr.read()) == ""
        assert child.wait(20) == 0


def test_a_reader_that_leaves_a_wait_is_told_that_the_job_goes_on(going: str) -> None:
    with subprocess.Popen(
        [*COMMAND, "wait", going, "--poll-interval", "100ms"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert "the job goes on" in child.stderr.read()
        assert child.wait(20) == 3


def test_a_full_disk_does_not_lose_the_name_of_a_created_job(service: str, spec: str) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [*COMMAND, "create", "-f", spec], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=30
        )
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "the job was created: projects/" in done.stderr
    assert "Traceback" not in done.stderr


def test_verbose_shows_requests_and_no_token(ended: str) -> None:
    ran = process("-v", "get", ended, "-o", "json")
    assert re.search(r'"GET /v1/projects/\d+/locations/us-central1/tuningJobs/\d+ HTTP/1.1" 200', ran.err)
    assert "uthorization" not in ran.err
    assert json.loads(ran.out)["name"] == ended


def test_help_loads_neither_client_nor_rich_nor_a_command() -> None:
    code = """
import sys
from gemtune.cli import run
run(["--help"])
heavy = "gemtune.client gemtune.cli.jobs gemtune.cli.create gemtune.specs urllib3 requests google.auth rich yaml".split()
sys.exit(" ".join(name for name in heavy if name in sys.modules) or None)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "create" in done.stdout
