"""gs:// sources: against a server of ours, and the same against fake-gcs-server where it is installed."""

from __future__ import annotations

import datetime
import gzip
import json
import pickle
import random
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.auth.credentials import AnonymousCredentials
from google.oauth2.credentials import Credentials

from gemtune import dataset
from gemtune.dataset import cloud
from gemtune.dataset.cloud_api import EMULATOR, Place, Storage
from gemtune.dataset.sources import sources
from gemtune.errors import ConfigurationError, DatasetError, GemtuneError, TransportError, Unauthenticated
from gemtune_pb.v1 import DatasetProblem
from tests.support.breaking_proxy import BreakingProxy
from tests.support.certificates import Authority
from tests.support.object_stores import Asked, InProcess, Storing, fake_gcs_server, fake_gcs_server_binary

MODEL = "gemini-3.5-flash"


def rows(count: int, size: int = 20) -> bytes:
    words = random.Random(1)
    lines = []
    for i in range(count):
        text = f"{i} " + "".join(words.choices("abcdefghij ", k=size))
        turns = [{"role": "user", "parts": [{"text": text}]}, {"role": "model", "parts": [{"text": f"yes {i}"}]}]
        lines.append(json.dumps({"contents": turns}))
    return "\n".join(lines).encode() + b"\n"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Short pauses, and no connections of another test."""
    monkeypatch.setattr("gemtune.dataset.cloud._PAUSE", 0.001)
    monkeypatch.setattr("gemtune.dataset.cloud_api._PAUSE", 0.001)
    yield
    cloud._of_credentials.cache_clear()


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcess]:
    with InProcess() as store:
        monkeypatch.setenv(EMULATOR, store.url)
        yield store


@pytest.fixture(scope="session")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storing]:
    if not fake_gcs_server_binary():
        pytest.skip(
            "fake-gcs-server is not here: go install github.com/fsouza/fake-gcs-server@latest, or FAKE_GCS_SERVER"
        )
    with fake_gcs_server(tmp_path_factory.mktemp("fake-gcs-server") / "log") as store:
        yield store


@pytest.fixture(params=["in-process", "fake-gcs-server"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Storing:
    if request.param == "in-process":
        return request.getfixturevalue("ours")
    store: Storing = request.getfixturevalue("theirs")
    monkeypatch.setenv(EMULATOR, store.url)
    return store


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> str:
    """A bucket of the test's own."""
    return "b-" + "".join(c if c.isalnum() else "-" for c in request.node.name.lower())[-50:].strip("-")


def read(uri: str, start: int = 0) -> bytes:
    (source,) = sources([uri])
    return b"".join(source.blocks(start))


def noted(uri: str) -> set[tuple[str, str, str]]:
    return {(note.code, note.severity, note.found) for source in sources([uri]) for note in source.notes}


# -- what both servers do -------------------------------------------------------------------------------------------------


def test_an_object(store: Storing, bucket: str) -> None:
    data = rows(3000)
    store.put(bucket, "data/train.jsonl", data)
    (source,) = sources([f"gs://{bucket}/data/train.jsonl"])
    assert (source.name, source.size, source.splittable, source.notes) == (
        f"gs://{bucket}/data/train.jsonl",
        len(data),
        True,
        [],
    )
    assert source.generation > 0
    assert b"".join(source.blocks()) == data
    for start in (1, 1000, len(data) - 1, len(data)):
        assert b"".join(source.blocks(start)) == data[start:]


@pytest.mark.parametrize(
    "key", ["a b.jsonl", "ä+%20#x.jsonl", "100%.jsonl", "a&b=c.jsonl", "a/b/c/日本.jsonl", "a:b@c'\"~.jsonl"]
)
def test_names_of_any_kind(store: Storing, bucket: str, key: str) -> None:
    store.put(bucket, key, b"{}\n")
    assert read(f"gs://{bucket}/{key}") == b"{}\n"


def test_an_empty_object(store: Storing, bucket: str) -> None:
    store.put(bucket, "x.jsonl", b"")
    assert read(f"gs://{bucket}/x.jsonl") == b""


def test_the_report_is_that_of_the_same_file_here(store: Storing, bucket: str, tmp_path: Path) -> None:
    data = rows(500) + b'{"contents": []}\n\n' + rows(20)
    store.put(bucket, "train.jsonl", data)
    (tmp_path / "train.jsonl").write_bytes(data)
    here = dataset.check(tmp_path / "train.jsonl", base_model=MODEL)
    uri = f"gs://{bucket}/train.jsonl"
    there = dataset.check(uri, base_model=MODEL)
    (source,) = sources([uri])
    assert [file.generation for file in there.files] == [source.generation]
    for file in there.files:
        file.ClearField("generation")
    text = str(there).replace(uri, str(tmp_path / "train.jsonl"))
    assert text == str(here)


def test_workers_read_ranges(store: Storing, bucket: str) -> None:
    store.put(bucket, "train.jsonl", rows(3000))
    uri = f"gs://{bucket}/train.jsonl"
    one, two = (dataset.check(uri, base_model=MODEL, workers=workers) for workers in (1, 2))
    assert one == two
    assert one.example_count == 3000


@pytest.mark.parametrize("how", ["name", "encoding", "both"])
def test_gzip_is_unpacked(store: Storing, bucket: str, how: str) -> None:
    data = rows(20_000)
    key = "train.jsonl.gz" if how != "encoding" else "train.jsonl"
    store.put(bucket, key, gzip.compress(data), encoding="" if how == "name" else "gzip")
    (source,) = sources([f"gs://{bucket}/{key}"])
    assert (source.size, source.splittable) == (None, False)
    assert b"".join(source.blocks()) == data
    assert b"".join(source.blocks(700_000)) == data[700_000:]
    found = "is compressed" if how == "name" else "is stored with Content-Encoding gzip"
    assert noted(source.name) == {("GT107", "warning", f"{key} {found}")}


def test_gzip_of_several_members(store: Storing, bucket: str) -> None:
    store.put(
        bucket, "x.jsonl.gz", gzip.compress(b"a\n" * 70_000) + gzip.compress(b"") + gzip.compress(b"b\n") + b"\0" * 99
    )
    assert read(f"gs://{bucket}/x.jsonl.gz") == b"a\n" * 70_000 + b"b\n"


def test_gzip_that_breaks_off(store: Storing, bucket: str) -> None:
    store.put(bucket, "x.jsonl.gz", gzip.compress(rows(100))[:-20])
    with pytest.raises(DatasetError, match="is not whole: its gzip stream breaks off"):
        read(f"gs://{bucket}/x.jsonl.gz")
    store.put(bucket, "x.jsonl.gz", rows(100))
    with pytest.raises(DatasetError, match=r"is not whole: .*incorrect header"):
        read(f"gs://{bucket}/x.jsonl.gz")


def test_well_packed_gzip_is_unpacked_in_small_blocks(store: Storing, bucket: str) -> None:
    store.put(bucket, "x.jsonl.gz", gzip.compress(bytes(100_000_000)))
    (source,) = sources([f"gs://{bucket}/x.jsonl.gz"])
    sizes = [len(block) for block in source.blocks()]
    assert sum(sizes) == 100_000_000
    assert max(sizes) <= cloud.BLOCK


def test_folders_and_patterns(store: Storing, bucket: str) -> None:
    for key in ("d/a.jsonl", "d/b.jsonl.gz", "d/c.txt", "d/e/f.jsonl", "d/e/g/h.jsonl", "top.jsonl", "d/"):
        store.put(bucket, key, gzip.compress(b"{}\n") if key.endswith("gz") else b"{}\n")
    wanted = {
        "d/": "d/a.jsonl d/b.jsonl.gz",
        "": "top.jsonl",
        "d/*.jsonl": "d/a.jsonl",
        "d/*": "d/a.jsonl d/b.jsonl.gz d/c.txt",
        "d/**": "d/a.jsonl d/b.jsonl.gz d/c.txt d/e/f.jsonl d/e/g/h.jsonl",
        "d/**/*.jsonl": "d/a.jsonl d/e/f.jsonl d/e/g/h.jsonl",
        "d/*/f.jsonl": "d/e/f.jsonl",
        "d/?.jsonl": "d/a.jsonl",
        "d/[!b-z].*": "d/a.jsonl",
        "*.jsonl": "top.jsonl",
        "**.jsonl": "d/a.jsonl d/e/f.jsonl d/e/g/h.jsonl top.jsonl",
    }
    for key, names in wanted.items():
        uri = f"gs://{bucket}/{key}"
        assert [each.name for each in sources([uri])] == [f"gs://{bucket}/{name}" for name in names.split()], key
        kind = "folder" if key.endswith("/") or not key else "pattern"
        assert noted(uri) == {("GT107", "warning", f"{uri} is a {kind}")}
    assert [each.name for each in sources([f"gs://{bucket}"])] == [f"gs://{bucket}/top.jsonl"]
    for key, sentence in {
        "d/x*": "no object matches",
        "x/": "is a folder without a .jsonl object",
        "d/[": "no object",
    }.items():
        with pytest.raises(DatasetError, match=sentence):
            sources([f"gs://{bucket}/{key}"])


def test_a_name_that_the_service_does_not_take(store: Storing, bucket: str) -> None:
    store.put(bucket, "rows.json", rows(20))
    assert noted(f"gs://{bucket}/rows.json") == {("GT107", "error", "the name rows.json does not end in .jsonl")}
    report = dataset.check(f"gs://{bucket}/rows.json", base_model=MODEL)
    assert [p.code for p in report.problems if p.severity == DatasetProblem.ERROR] == ["GT107"]


def test_what_is_not_there(store: Storing, bucket: str) -> None:
    store.put(bucket, "x.jsonl", b"{}\n")
    with pytest.raises(DatasetError, match=rf"^there is no object gs://{bucket}/y.jsonl$"):
        sources([f"gs://{bucket}/y.jsonl"])
    with pytest.raises(DatasetError, match=rf"^there is no bucket gs://no-{bucket}$"):
        sources([f"gs://no-{bucket}/"])


def test_what_is_known_of_an_object(store: Storing, bucket: str) -> None:
    uri = f"gs://{bucket}/x.jsonl"
    store.put(bucket, "x.jsonl", b"{}\n")
    first = cloud.stat(uri)
    assert first.size == cloud.size_of(uri) == 3
    assert len(first.crc32c) == 8
    store.put(bucket, "x.jsonl", b"{}\n\n")
    second = cloud.stat(uri)
    assert second.generation > first.generation
    assert second.crc32c != first.crc32c
    assert cloud.size_of(f"gs://{bucket}/y") is None
    assert cloud.size_of("https://x.org/y") is None


@pytest.mark.parametrize("fate", ["cut-inside", "cut-before", "cut-after", "garbage", "error"])
def test_a_connection_that_breaks_is_resumed_where_it_broke(
    store: Storing, bucket: str, fate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = rows(30_000, 60)
    store.put(bucket, "x.jsonl", data)
    draw = random.Random(3)
    with BreakingProxy(store.url, 0, choose=lambda: fate if draw.random() < 0.4 else "passed") as proxy:
        monkeypatch.setenv(EMULATOR, proxy.url)
        for _ in range(3):
            assert read(f"gs://{bucket}/x.jsonl") == data
        assert proxy.fates[fate] > 0


def test_one_that_always_breaks_is_given_up(store: Storing, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(bucket, "x.jsonl", rows(100))
    (source,) = sources([f"gs://{bucket}/x.jsonl"])
    with BreakingProxy(store.url, 1) as proxy:
        source.storage = Storage(endpoint=proxy.url)  # type: ignore[attr-defined]
        with pytest.raises(TransportError, match=rf"127\.0\.0\.1:\d+ \(gs://{bucket}/x.jsonl\)|HTTP 503"):
            list(source.blocks())


@pytest.mark.parametrize("what", ["replaced", "deleted"])
def test_an_object_that_changes_in_the_middle(
    store: Storing, bucket: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = rows(30_000, 60)
    store.put(bucket, "x.jsonl", data)
    fates: list[str] = []

    def choose() -> str:
        fates.append("")
        if len(fates) != 2:
            return "passed"
        if what == "deleted":
            store.delete(bucket, "x.jsonl")
        else:
            store.put(bucket, "x.jsonl", data + b"\n")
        return "cut-before"

    with BreakingProxy(store.url, 0, choose=choose) as proxy:
        monkeypatch.setenv(EMULATOR, proxy.url)
        with pytest.raises(DatasetError, match=f"was {what} while it was read .*check it again"):
            read(f"gs://{bucket}/x.jsonl")


def test_one_that_changed_before_a_worker_began(store: Storing, bucket: str) -> None:
    store.put(bucket, "x.jsonl", rows(10))
    (source,) = sources([f"gs://{bucket}/x.jsonl"])
    store.put(bucket, "x.jsonl", rows(11))
    with pytest.raises(DatasetError, match="was replaced while it was read"):
        list(source.blocks(5))


def test_memory_is_bounded(store: Storing, bucket: str) -> None:
    store.put(bucket, "x.jsonl", bytes(60_000_000))
    (source,) = sources([f"gs://{bucket}/x.jsonl"])
    tracemalloc.start()
    try:
        assert sum(map(len, source.blocks())) == 60_000_000
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()


# -- what only a server of ours does ---------------------------------------------------------------------------------------


def test_cut_again_and_again(ours: InProcess) -> None:
    """Each connection gives 1.5 MB or less: each time the rest is asked for, of the same generation."""
    data = rows(100_000)
    ours.put("bkt", "x.jsonl", data)
    ours.cut = lambda asked: 1_500_000
    assert read("gs://bkt/x.jsonl") == data
    media = [asked for asked in ours.asked if asked.media]
    assert len(media) > len(data) / 1_500_000
    starts = [int(asked.headers["range"].removeprefix("bytes=").strip("-")) for asked in media[1:]]
    assert starts == sorted(set(starts))
    assert {asked.query["generation"] for asked in media} == {str(ours.last)}


def test_cut_without_progress(ours: InProcess) -> None:
    ours.put("bkt", "x.jsonl", rows(10_000))
    ours.cut = lambda asked: 10
    with pytest.raises(
        DatasetError, match=r"gs://bkt/x.jsonl cannot be read to its end: the connection broke 6 times near"
    ):
        read("gs://bkt/x.jsonl")
    assert len([asked for asked in ours.asked if asked.media]) == cloud.BREAKS + 1


def test_a_list_of_many_pages(ours: InProcess) -> None:
    ours.page = 3
    for i in range(10):
        ours.put("bkt", f"d/{i}.jsonl", b"{}\n")
    assert [each.name for each in sources(["gs://bkt/d/*.jsonl"])] == [f"gs://bkt/d/{i}.jsonl" for i in range(10)]


TOKEN = "ya29.a-token-that-nobody-may-see"


def storage(ours: InProcess, token: str = TOKEN) -> Storage:
    """With credentials; those of the environment's emulator would be none."""
    return Storage(Credentials(token), endpoint=ours.url)  # type: ignore[no-untyped-call]


def test_the_token_goes_along(ours: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    ours.put("bkt", "x.jsonl", b"{}\n")
    held = storage(ours)
    monkeypatch.setattr(cloud, "_storage", lambda _: held)
    assert read("gs://bkt/x.jsonl") == b"{}\n"
    assert [asked.headers["authorization"] for asked in ours.asked] == [f"Bearer {TOKEN}"] * 2
    assert TOKEN not in repr(sources(["gs://bkt/x.jsonl"]))


def test_the_token_does_not_go_where_an_answer_points(ours: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    ours.put("bkt", "x.jsonl", b"{}\n")
    with InProcess(objects=dict(ours.objects)) as other:
        ours.moved = other.url.replace("127.0.0.1", "localhost")
        held = storage(ours)
        monkeypatch.setattr(cloud, "_storage", lambda _: held)
        assert read("gs://bkt/x.jsonl") == b"{}\n"
        assert [asked.headers.get("authorization") for asked in other.asked] == [None]
        assert not any(TOKEN in value for asked in other.asked for value in asked.headers.values())


@pytest.mark.parametrize("folder", [False, True])
def test_the_authorities_of_the_environment_are_trusted(
    folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    with InProcess(certificate=authority.issue("127.0.0.1")) as store:
        store.put("bkt", "x.jsonl", b"{}\n")
        held = storage(store)
        monkeypatch.setattr(cloud, "_storage", lambda _: held)
        trusted = authority.file
        if folder:
            if shutil.which("openssl") is None:
                pytest.skip("openssl is not here, which names the files of such a folder")
            (tmp_path / "trusted").mkdir()
            trusted = tmp_path / "trusted"
            command = ["openssl", "x509", "-hash", "-noout", "-in", str(authority.file)]
            digest = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
            (trusted / f"{digest}.0").write_bytes(authority.file.read_bytes())
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
        assert read("gs://bkt/x.jsonl") == b"{}\n"
        assert [asked.headers["authorization"] for asked in store.asked] == [f"Bearer {TOKEN}"] * 2


def test_a_server_that_nobody_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with InProcess(certificate=Authority(tmp_path).issue("127.0.0.1")) as store:
        store.put("bkt", "x.jsonl", b"{}\n")
        held = storage(store)
        monkeypatch.setattr(cloud, "_storage", lambda _: held)
        with pytest.raises(TransportError, match="certificate"):
            sources(["gs://bkt/x.jsonl"])
        # The library by itself does not trust it either.
        found = cloud.CloudFile("gs://bkt/x.jsonl", 3, [], True, store.last, Place("bkt", "x.jsonl"), 3, False, held)
        with pytest.raises(TransportError, match="certificate"):
            list(found.blocks())
        assert not store.asked


def test_a_pattern_that_means_nothing(ours: InProcess) -> None:
    ours.put("bkt", "x.jsonl", b"{}\n")
    with pytest.raises(DatasetError, match=r"gs://bkt/\[z-a\].jsonl is no pattern"):
        sources(["gs://bkt/[z-a].jsonl"])


def test_an_answer_of_another_generation_is_not_read(ours: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """As from a cache that does not look at what was asked for."""
    ours.put("bkt", "x.jsonl", b"{}\n")
    (source,) = sources(["gs://bkt/x.jsonl"])
    ours.objects["bkt", "x.jsonl"].data += b"{}\n"
    with pytest.raises(DatasetError, match="cannot be read to its end"):
        list(source.blocks())


def test_an_emulator_gets_no_token(ours: InProcess) -> None:
    ours.put("bkt", "x.jsonl", b"{}\n")
    (source,) = sources(["gs://bkt/x.jsonl"], credentials=Credentials(TOKEN))  # type: ignore[no-untyped-call]
    assert b"".join(source.blocks()) == b"{}\n"
    assert not any("authorization" in asked.headers for asked in ours.asked)


def test_anonymous_credentials(ours: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    ours.put("bkt", "x.jsonl", b"{}\n")
    held = Storage(AnonymousCredentials(), endpoint=ours.url)  # type: ignore[no-untyped-call]
    monkeypatch.setattr(cloud, "_storage", lambda _: held)
    assert read("gs://bkt/x.jsonl") == b"{}\n"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "me@p.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud Storage object.",
            r"gs://bkt/x.jsonl may not be read: me@p.iam.gserviceaccount.com lacks storage.objects.get; grant it "
            r"roles/storage.objectViewer on the bucket: gcloud storage buckets add-iam-policy-binding gs://bkt .*",
        ),
        ("", "gs://bkt/x.jsonl may not be read: the account of these credentials lacks storage.objects.get; .*"),
        (
            "Request is prohibited by organization's policy.",
            "gs://bkt/x.jsonl may not be read: Request is prohibited.*",
        ),
        (f"{TOKEN} may not", r"gs://bkt/x.jsonl may not be read: \*\*\* may not"),
    ],
)
def test_no_permission(ours: InProcess, said: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours.put("bkt", "x.jsonl", b"{}\n")
    ours.answers = lambda _: (403, said)
    held = storage(ours)
    monkeypatch.setattr(cloud, "_storage", lambda _: held)
    with pytest.raises(DatasetError, match=f"^{sentence}$"):
        sources(["gs://bkt/x.jsonl"])
    assert len(ours.asked) == 1


def test_no_permission_for_the_bytes(ours: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    ours.put("bkt", "x.jsonl", b"{}\n")
    ours.answers = lambda asked: (403, "x") if asked.media else None
    held = storage(ours)
    monkeypatch.setattr(cloud, "_storage", lambda _: held)
    with pytest.raises(DatasetError, match=r"may not be read: .*objectViewer") as caught:
        read("gs://bkt/x.jsonl")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


class _Renewing(Credentials):  # type: ignore[misc]
    def refresh(self, request: object) -> None:
        self.token = "second"


@pytest.mark.parametrize("media", [False, True])
def test_a_token_that_is_refused_is_replaced_once(
    ours: InProcess, media: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours.put("bkt", "x.jsonl", b"{}\n")

    def answers(asked: Asked) -> tuple[int, str] | None:
        return (401, "no") if asked.media >= media and asked.headers["authorization"] == "Bearer first1" else None

    ours.answers = answers
    held = Storage(_Renewing("first1", refresh_token="r"), endpoint=ours.url)  # type: ignore[no-untyped-call]
    monkeypatch.setattr(cloud, "_storage", lambda _: held)
    assert read("gs://bkt/x.jsonl") == b"{}\n"


def test_a_token_that_is_refused_for_good(ours: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    ours.put("bkt", "x.jsonl", b"{}\n")
    ours.answers = lambda _: (401, f"no {TOKEN}")
    held = storage(ours)
    monkeypatch.setattr(cloud, "_storage", lambda _: held)
    with pytest.raises(Unauthenticated, match=r"refused the credentials for gs://bkt/x.jsonl") as caught:
        sources(["gs://bkt/x.jsonl"])
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_answer_that_may_be_better_next_time(ours: InProcess, status: int) -> None:
    ours.put("bkt", "x.jsonl", b"{}\n")
    ours.answers = lambda _: (status, "later") if len(ours.asked) in (1, 3) else None
    assert read("gs://bkt/x.jsonl") == b"{}\n"
    ours.answers = lambda _: (status, "later")
    with pytest.raises(DatasetError, match=f"answered HTTP {status} for gs://bkt/x.jsonl: later"):
        read("gs://bkt/x.jsonl")


def test_nobody_is_there(ours: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EMULATOR, "127.0.0.1:1")
    with pytest.raises(TransportError, match="refuses connections"):
        sources(["gs://bkt/x.jsonl"])


@pytest.mark.parametrize("said", [b"", b"[]", b"<html>", b'{"size": "x"}', b'{"generation": "1"}', b"[" * 100_000])
def test_answers_that_say_nothing(ours: InProcess, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Storage, "_get", lambda *_: (200, said))
    with pytest.raises(GemtuneError):
        sources(["gs://bkt/x.jsonl"])
    if said != b'{"generation": "1"}' and said != b'{"size": "x"}':
        with pytest.raises(GemtuneError):
            sources(["gs://bkt/"])


@pytest.mark.parametrize(
    "uri", ["gs://", "gs:///x.jsonl", "gs://B/x.jsonl", "gs://b*/x.jsonl", "gs://a\n/x", "gs://bkt/a\nb.jsonl"]
)
def test_uris_that_name_nothing(ours: InProcess, uri: str) -> None:
    with pytest.raises(DatasetError, match=r"names no bucket|rename it") as caught:
        sources([uri])
    assert "\n" not in str(caught.value)
    assert not ours.asked


def test_a_name_with_empty_parts(ours: InProcess) -> None:
    ours.put("bkt", "a//b.jsonl", b"{}\n")
    with pytest.raises(DatasetError, match="a name with empty parts"):
        read("gs://bkt/a//b.jsonl")


@pytest.mark.parametrize("host", ["http://127.0.0.1:1/with/path", "ftp://x", "http://a b"])
def test_an_emulator_that_is_none(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EMULATOR, host)
    with pytest.raises(ConfigurationError, match="STORAGE_EMULATOR_HOST cannot be used"):
        sources(["gs://bkt/x.jsonl"])


def test_without_a_scheme(ours: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    ours.put("bkt", "x.jsonl", b"{}\n")
    monkeypatch.setenv(EMULATOR, ours.url.removeprefix("http://") + "/")
    assert read("gs://bkt/x.jsonl") == b"{}\n"


def test_a_proxy_does_not_stand_before_this_machine(ours: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    ours.put("bkt", "x.jsonl", b"{}\n")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert read("gs://bkt/x.jsonl") == b"{}\n"


def test_sources_are_pickled(ours: InProcess) -> None:
    ours.put("bkt", "x.jsonl", b"{}\n")
    (source,) = sources(["gs://bkt/x.jsonl"])
    again = pickle.loads(pickle.dumps(source))
    assert (again.name, again.generation) == (source.name, source.generation)
    assert b"".join(again.blocks()) == b"{}\n"


def test_credentials_that_cannot_be_pickled_are_used_in_this_process(
    ours: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Local(Credentials):  # type: ignore[misc]
        """Pickle does not find it."""

    ours.put("bkt", "x.jsonl", b"{}\n")
    held = Storage(Local("t", expiry=datetime.datetime(2090, 1, 1)), endpoint=ours.url)  # type: ignore[no-untyped-call]
    monkeypatch.setattr(cloud, "_storage", lambda _: held)
    (source,) = sources(["gs://bkt/x.jsonl"])
    assert not source.splittable


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'gemtune\[dataset\]'"):
        sources(["gs://bkt/x.jsonl"])


def test_what_is_known_needs_no_library(ours: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    ours.put("bkt", "x.jsonl", b"{}\n")
    monkeypatch.setitem(sys.modules, "obstore", None)
    assert cloud.stat("gs://bkt/x.jsonl").size == 3


def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EMULATOR, raising=False)
    with pytest.raises(ConfigurationError, match="no credentials were found"):
        sources(["gs://bkt/x.jsonl"])


def test_the_library_loads_when_it_is_needed() -> None:
    code = "import sys, gemtune.dataset, gemtune.dataset.cloud; assert 'obstore' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_places() -> None:
    assert str(Place.of("gs://bkt/a/b")) == "gs://bkt/a/b"
    assert Place.of("gs://bkt") == Place("bkt", "")
