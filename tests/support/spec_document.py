"""The user's specification as data: the Python samples and HTTP requests of `data/seed/spec.txt`, word for word.

Extraction changes nothing. `render` makes the few changes that a reader of the document has to make too, and no others:
the host, the placeholders in capitals, the ellipses of the syntax sample left out, and the one quote that the document
lost. Trailing commas and mixed spellings of names stay as they are.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

SPEC = Path(__file__).parents[1] / "data" / "seed" / "spec.txt"

SECTIONS = (
    "Beispielsyntax",
    "Grundlegender Anwendungsfall",
    "Erweiterter Anwendungsfall",
    "Abstimmungsjobs auflisten",
    "Details eines Abstimmungsjobs abrufen",
    "Abstimmungsjob abbrechen",
)
BODY = "JSON-Text der Anfrage:"
ENDS = (  # lines that are no block's content
    *("REST", "Parameterliste", "Nächste Schritte", "Beispiele", "HTTP-Methode und URL:"),
    "Sie sollten eine JSON-Antwort ähnlich wie diese erhalten:",
    "Wenn Sie die Anfrage senden möchten, wählen Sie eine der folgenden Optionen aus:",
)
PLACEHOLDERS = (
    *("PROJECT_ID", "TUNING_JOB_REGION", "TUNING_JOB_ID", "BASE_MODEL", "TRAINING_DATASET_URI"),
    *("VALIDATION_DATASET_URI", "EPOCH_COUNT", "ADAPTER_SIZE", "LEARNING_RATE_MULTIPLIER", "TUNED_MODEL_DISPLAYNAME"),
)
HOST = "https://TUNING_JOB_REGION-aiplatform.googleapis.com"
LOST_QUOTE = '"TUNED_MODEL_DISPLAYNAME,'
TOKENS = ("$(gcloud auth print-access-token)", "$cred")  # what the shells put in place of these


@dataclasses.dataclass(frozen=True)
class Sample:
    """A Python sample and the heading that it stands under."""

    title: str
    code: str


@dataclasses.dataclass(frozen=True)
class HttpRequest:
    """What a curl or PowerShell sample sends; body None where it sends none, "" where it sends an empty one."""

    title: str
    method: str
    url: str
    headers: dict[str, str]
    body: str | None


def blocks() -> Iterator[tuple[str, str, str]]:
    """The document in pieces: section, kind of the piece (`Python`, `curl`, `PowerShell`, BODY, ""), text."""
    kinds = ("Python", "curl", "PowerShell", BODY)
    section = kind = ""
    lines: list[str] = []
    for line in [*SPEC.read_text(encoding="utf-8").split("\n"), "REST"]:
        if line not in (*SECTIONS, *kinds, *ENDS):
            lines.append(line)
            continue
        yield section, kind, "\n".join(lines)
        lines = []
        section = line if line in SECTIONS else section
        kind = line if line in kinds else ""


def python_samples() -> list[Sample]:
    """The Python samples, in the document's order."""
    return [Sample(section, text.strip() + "\n") for section, kind, text in blocks() if kind == "Python"]


def curl_requests() -> list[HttpRequest]:
    """What the curl commands send, in the document's order."""
    return [
        _curl(section, text[text.index("curl -X") :], _request_json(section))
        for section, kind, text in blocks()
        if kind == "curl"
    ]


def powershell_requests() -> list[HttpRequest]:
    """What the PowerShell commands send, in the document's order."""
    return [
        _powershell(section, text, _request_json(section)) for section, kind, text in blocks() if kind == "PowerShell"
    ]


def _request_json(section: str) -> str | None:
    """The text that a section has its reader save as request.json."""
    return next((text.strip() for where, kind, text in blocks() if (where, kind) == (section, BODY)), None)


def _curl(title: str, command: str, request_json: str | None) -> HttpRequest:
    # The syntax sample has an empty line in the middle, where a shell would end the command: read over it.
    words = iter(shlex.split(command.replace("\\\n", " "))[1:])
    method = url = ""
    headers: dict[str, str] = {}
    body = None
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = next(words)
            body = request_json if body == "@request.json" else body
        else:
            assert not word.startswith("-"), f"an option of curl that was not there before: {word}"
            assert not url, f"a second URL: {word}"
            url = word
    return HttpRequest(title, method, url, headers, body)


def _powershell(title: str, command: str, request_json: str | None) -> HttpRequest:
    def found(pattern: str) -> str | None:
        match = re.search(pattern, command)
        return match and match[1]

    table = found(r"\$headers = @\{ (.*) \}") or ""
    headers = dict(re.findall('"([^"]*)" = "([^"]*)"', table))
    if content_type := found('-ContentType: "([^"]*)"'):
        headers["Content-Type"] = content_type
    body = request_json if found("-InFile (request.json)") else None
    return HttpRequest(title, found(r"-Method (\w+)") or "", found('-Uri "([^"]*)"') or "", headers, body)


def render(
    request: HttpRequest, values: Mapping[str, str], *, base_url: str | None = None, token: str = "seed-token"
) -> HttpRequest:
    """The request as a reader would send it.

    Args:
        request: As extracted.
        values: What to put in place of the placeholders, literally: JSON's quotes are the value's own where the
            document has none around a placeholder (ADAPTER_SIZE).
        base_url: Where to send it, in place of the document's host.
        token: What the shells would get from gcloud.

    Raises:
        KeyError: A placeholder has no value.
    """

    def filled(text: str) -> str:
        return re.sub(rf"\b({'|'.join(PLACEHOLDERS)})\b", lambda match: values[match[0]], text)

    url = request.url if base_url is None else request.url.replace(HOST, base_url.rstrip("/"))
    body = request.body
    if body is not None:
        body = filled(body.replace("...", "").replace(LOST_QUOTE, LOST_QUOTE[:-1] + '",'))
    headers = dict(request.headers)
    for placeholder in TOKENS:
        headers["Authorization"] = headers["Authorization"].replace(placeholder, token)
    return dataclasses.replace(request, url=filled(url), headers=headers, body=body)
