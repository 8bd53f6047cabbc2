"""What Cloud Storage says of objects: sizes, generations, lists, and its refusals in sentences. It needs no extra."""

from __future__ import annotations

import json
import os
import pickle
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from gemtune import safe_text
from gemtune._process import is_of_others, renew_in_child
from gemtune._version import __version__
from gemtune.errors import ConfigurationError, DatasetError, GemtuneError, TransportError, Unauthenticated
from gemtune.settings import Endpoint
from gemtune.transport import rest_wire, sealing, tls
from gemtune.transport.credentials import ANONYMOUS, Authorizer, account_of
from gemtune.transport.http1 import LIBRARIES, Connections, Exchange

__all__ = ["EMULATOR", "Missing", "Place", "Stat", "Storage"]

EMULATOR = "STORAGE_EMULATOR_HOST"
"""The variable that names an emulator of Cloud Storage, for Google's own clients too."""

ROLE = "roles/storage.objectViewer"

_SERVICE = "https://storage.googleapis.com"
_ATTEMPTS = 4
_TIMEOUT = 60.0
_PAUSE = 0.2  # seconds before the second attempt; twice as long before each further one
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_FIELDS = "name,size,generation,crc32c,contentEncoding"
_MOST = 8 << 20  # bytes of an answer: a page of 1,000 objects, whose names have 1,024 bytes at most


class Missing(DatasetError):
    """There is no such bucket or object."""


class Place(NamedTuple):
    """Where an object lies: `gs://bucket/key`."""

    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> Place:
        """The place that a URI names; the key may be empty, for a whole bucket.

        Raises:
            DatasetError: It names no bucket.
        """
        bucket, _, key = uri.removeprefix("gs://").partition("/")
        if not uri.startswith("gs://") or not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", bucket):
            raise DatasetError(f"{safe_text.line(uri)} names no bucket; write gs://bucket/object.jsonl")
        if not key.isprintable():  # no line break in a sentence, and half a surrogate pair in no URL
            raise DatasetError(f"{safe_text.line(uri)}: the name holds characters that cannot be shown; rename it")
        return cls(bucket, key)

    def __str__(self) -> str:
        return f"gs://{self.bucket}/{self.key}"


class Stat(NamedTuple):
    """What is known of an object without its bytes.

    Attributes:
        generation: Its version.
        size: Its bytes, as they are stored.
        crc32c: Their checksum as Cloud Storage writes it: base64 of 4 bytes, the highest first.
        encoding: How it is stored (Content-Encoding), such as `gzip`; "" for as it is.
    """

    generation: int
    size: int
    crc32c: str
    encoding: str = ""


class Storage:
    """Cloud Storage, or the emulator that STORAGE_EMULATOR_HOST names, which is asked without credentials.

    May be shared by threads and pickled; a forked child opens connections of its own.
    """

    def __init__(self, credentials: Any = None, *, endpoint: str | None = None) -> None:
        """Opens nothing yet.

        Args:
            credentials: From google-auth; None: Application Default Credentials, when first needed.
            endpoint: Where it is; None: as the environment says.

        Raises:
            ConfigurationError: The environment's variable is no host.
        """
        emulator = os.environ.get(EMULATOR, "").rstrip("/") if endpoint is None else ""
        if emulator and "://" not in emulator:
            emulator = f"http://{emulator}"
        try:
            self.endpoint = Endpoint.parse(emulator or endpoint or _SERVICE)
        except ConfigurationError as error:
            raise ConfigurationError(f"{EMULATOR} cannot be used: {error}" if emulator else str(error)) from None
        self._anonymous = bool(emulator) or credentials is ANONYMOUS
        self._given = None if self._anonymous else credentials
        self._authorizer = Authorizer(ANONYMOUS if self._anonymous else credentials)
        self._who = rest_wire.identity(f"rest/{__version__}")
        self._open = self._connections()
        self._parents: list[Connections] = []
        renew_in_child(self)

    @staticmethod
    def _connections() -> Connections:
        return Connections(4, tls.context, connect_timeout=rest_wire.CONNECT_TIMEOUT)

    def renew(self) -> None:
        """In a forked child: forgets the parent's connections, which stay open there."""
        self._parents.append(self._open)
        self._open = self._connections()
        self._authorizer.renew()

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.endpoint.url, self._anonymous, self._given)

    @property
    def picklable(self) -> bool:
        """Whether another process can read with the same credentials."""
        try:
            pickle.dumps(self._given)
        except Exception:  # credentials may be of anybody's making
            return False
        return True

    def stat(self, place: Place, *, attempts: int = _ATTEMPTS) -> Stat:
        """What is known of an object.

        Args:
            place: Where it lies.
            attempts: How often it is asked for, where there is no answer, or none for now.

        Raises:
            DatasetError: It is not there, or may not be read.
            TransportError: Cloud Storage did not answer.
            ConfigurationError, Unauthenticated: The credentials are missing, or were refused.
        """
        target = f"/storage/v1/b/{place.bucket}/o/{quote(place.key, safe='')}"
        return _stat(self._asked(f"{target}?{urlencode({'fields': _FIELDS})}", place, attempts), place)

    def inside(self, place: Place, *, deep: bool) -> Iterator[tuple[str, Stat]]:
        """The objects whose keys begin with the place's, in the order of their keys.

        Args:
            place: The bucket and the beginning.
            deep: Whether those count that have a further slash behind it.

        Raises:
            GemtuneError: As `stat`.
        """
        asked = {"prefix": place.key, "fields": f"nextPageToken,items({_FIELDS})"} | (
            {} if deep else {"delimiter": "/"}
        )
        while True:
            answer = self._asked(f"/storage/v1/b/{place.bucket}/o?{urlencode(asked)}", place)
            items = answer.get("items")
            for item in items if isinstance(items, list) else []:
                yield str(item.get("name")), _stat(item, place)
            token = answer.get("nextPageToken")
            if not token or token == asked.get("pageToken"):
                return
            asked["pageToken"] = str(token)

    def headers(self) -> dict[str, str]:
        """What authenticates a request; empty for an emulator.

        Raises:
            ConfigurationError, Unauthenticated, TransportError: No token can be had.
        """
        return self._authorizer.headers(self.endpoint, deadline=time.monotonic() + _TIMEOUT)

    def refused(self, headers: Mapping[str, str]) -> None:
        """Notes that these headers were not accepted: the next ones have a new token."""
        self._authorizer.refused(headers)

    def _asked(self, target: str, place: Place, attempts: int = _ATTEMPTS) -> dict[str, Any]:
        """The answer to a GET, asked for again where that may help."""
        failure: GemtuneError | None = None
        for attempt in range(attempts):
            if attempt:
                time.sleep(_PAUSE * 2 ** (attempt - 1))
            token = self.headers()
            try:
                status, body = self._get(target, token, place)
                if status == 401 and attempt == 0:
                    self.refused(token)
                    continue
                if status < 300:
                    return _read(body, place)
                failure = self.refusal(status, _said(body), place)
            except TransportError as error:
                failure = error
                status = 0
            sealing.seal(failure, rest_wire.secrets_of(token.items()))
            if status and status not in _AGAIN:
                break
        assert failure is not None  # noqa: S101
        raise failure

    def _get(self, target: str, token: Mapping[str, str], place: Place) -> tuple[int, bytes]:
        exchange = Exchange(time.monotonic() + _TIMEOUT)
        try:
            status, _, body = self._open.carry(
                exchange,
                "GET",
                self.endpoint.url,
                target,
                headers={**self._who, **token, "accept": "application/json"},
                body=None,
                proxy=rest_wire.proxy_of(self.endpoint),
                limit=_MOST,
            )
        except GemtuneError:
            raise
        except Exception as error:  # a socket, TLS or a proxy may fail in any way
            if is_of_others(error, *LIBRARIES):
                raise
            late = exchange.deadline <= time.monotonic()
            where = f"{self.endpoint.url} ({place})"
            raise rest_wire.failed(
                where, error.__cause__ or error, sent=exchange.sent, answered=exchange.answered, is_late=late
            ) from error
        return status, body

    def refusal(self, status: int, said: str, place: Place) -> GemtuneError:
        """Why an object, or a list of objects, is not to be had.

        Args:
            status: The HTTP status.
            said: What the service said, in one line.
            place: What was asked for.
        """
        if status == 401:
            failure = Unauthenticated(f"Cloud Storage refused the credentials for {place}")
            self._authorizer.explain(failure)
            return failure
        if status == 403:
            # The service knows the account; credentials often do not.
            found = re.match(r"(\S+@\S+|Anonymous caller) does not have (\S+) access", said)
            if said and not found:
                return DatasetError(f"{place} may not be read: {said}")
            account = found[1] if found else account_of(self) or "the account of these credentials"
            what = found[2] if found else "storage.objects.get"
            return DatasetError(
                f"{place} may not be read: {account} lacks {what}; grant it {ROLE} on the bucket: "
                f"gcloud storage buckets add-iam-policy-binding gs://{place.bucket} --role={ROLE} --member=..."
            )
        if status == 404:
            if not place.key or ("bucket" in said.lower() and "not exist" in said):
                return Missing(f"there is no bucket gs://{place.bucket}")
            return Missing(f"there is no object {place}")
        return DatasetError(f"Cloud Storage answered HTTP {status} for {place}" + (f": {said}" if said else ""))


def _again(endpoint: str, anonymous: bool, credentials: Any) -> Storage:
    return Storage(ANONYMOUS if anonymous else credentials, endpoint=endpoint)


def _stat(item: Mapping[str, Any], place: Place) -> Stat:
    try:
        encoding = item.get("contentEncoding")
        return Stat(int(item["generation"]), int(item["size"]), str(item.get("crc32c", "")), str(encoding or ""))
    except (KeyError, TypeError, ValueError):
        pass
    raise DatasetError(f"Cloud Storage did not say size and generation of {place}")


def _read(body: bytes, place: Place) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise TransportError(f"Cloud Storage answered for {place} with something else than JSON", maybe_sent=True)
    return answer


def _said(body: bytes) -> str:
    """What an error says, on one line."""
    try:
        said = json.loads(body)["error"]["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return safe_text.line(str(said))[:300]
