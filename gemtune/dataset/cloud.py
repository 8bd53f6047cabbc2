"""Objects of Cloud Storage as files of a dataset: read as streams, and read on where a connection breaks."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.request import getproxies

from gemtune.dataset.cloud_api import EMULATOR, Missing, Place, Stat, Storage
from gemtune.dataset.partial import Found
from gemtune.dataset.problem import ERROR, WARNING
from gemtune.errors import ConfigurationError, DatasetError
from gemtune.transport import rest_wire, tls

__all__ = ["CloudFile", "objects", "size_of", "stat"]

BLOCK = 1 << 18
"""Bytes that a block has at least, as long as there are so many."""

BREAKS = 5
"""Connections that may break one after the other with less than `PROGRESS` bytes between them."""

PROGRESS = 1 << 20

PATIENCE = 8
"""How often it is asked after a break whether Cloud Storage is there: half a minute passes before it is given up."""

_PAUSE = 0.1  # seconds before the second attempt; twice as long before each further one
_READ_TIMEOUT = "60 seconds"  # without a byte
_WHOLE = "30 days"  # a large object takes as long as it takes
_MAGIC = re.compile(r"[*?\[]")


def stat(uri: str, credentials: Any = None) -> Stat:
    """Generation, size and crc32c of an object.

    Args:
        uri: `gs://bucket/object`.
        credentials: From google-auth; None: Application Default Credentials.

    Raises:
        DatasetError: It is not there, or may not be read.
        TransportError: Cloud Storage did not answer.
        ConfigurationError, Unauthenticated: The credentials are missing, or were refused.
    """
    return _storage(credentials).stat(Place.of(uri))


def size_of(uri: str, credentials: Any = None) -> int | None:
    """The bytes of the object that a row names; None where it cannot be seen, or lies elsewhere.

    Raises:
        TransportError, ConfigurationError, Unauthenticated: As `stat`.
    """
    try:
        return stat(uri, credentials).size if uri.startswith("gs://") else None
    except DatasetError:
        return None


def objects(uri: str, credentials: Any = None) -> Iterable[CloudFile]:
    """The objects that a URI means.

    Args:
        uri: `gs://bucket/object`; a folder, `gs://bucket/folder/`; or a pattern, `gs://bucket/train-*.jsonl`, in which
            `*` stands for anything but a slash and `**` for anything.
        credentials: From google-auth; None: Application Default Credentials.

    Raises:
        DatasetError: It means none, or may not be read.
        TransportError: Cloud Storage did not answer.
        ConfigurationError, Unauthenticated: The extra `dataset` or credentials are missing, or these were refused.
    """
    _obstore()
    place, storage = Place.of(uri), _storage(credentials)
    if _MAGIC.search(place.key):
        return _matching(place, storage)
    if not place.key or place.key.endswith("/"):
        found = [each for each in storage.inside(place, deep=False) if each[0].endswith((".jsonl", ".jsonl.gz"))]
        if not found:
            raise DatasetError(f"{place} is a folder without a .jsonl object")
        return [_file(place._replace(key=key), known, storage, f"{place} is a folder") for key, known in found]
    return [_file(place, storage.stat(place), storage, "")]


def _matching(place: Place, storage: Storage) -> list[CloudFile]:
    try:
        wanted = _pattern(place.key)
    except re.error:
        wanted = None
    if wanted is None:
        raise DatasetError(f"{place} is no pattern: what stands in its brackets means nothing")
    plain = _MAGIC.split(place.key)[0]
    deep = "/" in place.key[len(plain) :] or "**" in place.key
    found = [
        each
        for each in storage.inside(place._replace(key=plain), deep=deep)
        if wanted.fullmatch(each[0]) and not each[0].endswith("/")  # such an empty object stands for a folder
    ]
    if not found:
        raise DatasetError(f"{place}: no object matches")
    return [_file(place._replace(key=key), known, storage, f"{place} is a pattern") for key, known in found]


_WORDS: dict[str, str] = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _pattern(key: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\])", key)
    return re.compile("".join(_WORDS.get(part) or _part(part, special=i % 2 == 1) for i, part in enumerate(parts)))


def _part(part: str, *, special: bool) -> str:
    if not special:
        return re.escape(part)
    inside = part[1:-1].replace("\\", r"\\").replace("[", r"\[")
    return f"(?!/)[{'^' + inside[1:] if inside.startswith('!') else inside.replace('^', chr(92) + '^')}]"


def _file(place: Place, known: Stat, storage: Storage, note: str) -> CloudFile:
    name = place.key.rpartition("/")[2]
    encoded = known.encoding.lower() in ("gzip", "x-gzip")
    zipped = encoded or name.endswith(".gz")
    severity = WARNING
    if not note and encoded:
        note = f"{name} is stored with Content-Encoding gzip"
    elif not note and zipped:
        note = f"{name} is compressed"
    elif not note and not name.endswith(".jsonl"):
        note, severity = f"the name {name} does not end in .jsonl", ERROR
    return CloudFile(
        name=str(place),
        size=None if zipped else known.size,
        notes=[Found(0, "GT107", severity, "", note)] if note else [],
        splittable=not zipped and storage.picklable,
        generation=known.generation,
        place=place,
        stored=known.size,
        zipped=zipped,
        storage=storage,
    )


@dataclass
class CloudFile:
    """An object, at the generation at which it was found; see `gemtune.dataset.sources.Source`.

    Attributes:
        place: Where it lies.
        stored: Its bytes as they are stored.
        zipped: Whether they are gzip's.
        storage: Whom to ask.
    """

    name: str
    size: int | None
    notes: list[Found]
    splittable: bool
    generation: int
    place: Place
    stored: int
    zipped: bool
    storage: Storage = field(repr=False)

    def blocks(self, start: int = 0) -> Iterator[bytes]:
        """Its bytes from `start` on, unpacked, in blocks.

        A connection that breaks is followed by another one that begins at the byte where it broke.

        Raises:
            DatasetError: It cannot be read, or not to its end; it is not whole; or it has changed.
            TransportError: Cloud Storage does not answer.
            ConfigurationError, Unauthenticated: The extra or credentials are missing, or these were refused.
        """
        if self.zipped:
            yield from _unpacked(self.name, self._stored(0), start)
        else:
            yield from self._stored(start)

    def _stored(self, at: int) -> Iterator[bytes]:
        obstore, breaks, since = _obstore(), 0, at
        while at < self.stored:
            stream, broken = self._begun(obstore, at)
            while not broken:
                block, broken = _next(obstore, stream)
                if block:
                    at += len(block)
                    yield block
            if at >= self.stored:
                return
            breaks, since = (1, at) if at - since >= PROGRESS else (breaks + 1, since)
            if breaks > BREAKS:
                raise DatasetError(
                    f"{self.name} cannot be read to its end: the connection broke {breaks} times near byte {at:,} of "
                    f"{self.stored:,}"
                )
            time.sleep(_PAUSE * 2 ** (breaks - 1))
            self._unchanged()

    def _unchanged(self) -> None:
        try:
            now = self.storage.stat(self.place, attempts=PATIENCE).generation
        except Missing:
            now = 0
        if now != self.generation:
            what = "was replaced" if now else "was deleted"
            raise DatasetError(f"{self.name} {what} while it was read (generation {self.generation}); check it again")

    def _begun(self, obstore: Any, at: int) -> tuple[Any, bool]:
        """A stream of the bytes from `at` on, or word that it broke before it began."""
        options: dict[str, Any] = {"version": str(self.generation)}
        if at:
            options["range"] = {"offset": at}
        headers = self.storage.headers()
        result: Any = None
        status = 0
        try:
            result = obstore.get(
                _store(obstore, self.place.bucket, self.storage, headers), self.place.key, options=options
            )
        except FileNotFoundError:
            status = 404
        except obstore.exceptions.PermissionDeniedError:
            status = 403
        except obstore.exceptions.UnauthenticatedError:
            status = 401
        except (ValueError, obstore.exceptions.InvalidPathError):
            status = 400
        except (obstore.exceptions.BaseError, OSError):
            return None, True
        # Outside of the handlers: what the library says shows what it was given, and is no cause of ours.
        if status == 400:
            raise DatasetError(f"{self.name}: a name with empty parts, such as a//b, cannot be read; rename the object")
        if status == 401:
            self.storage.refused(headers)
            self.storage.stat(self.place)  # with a new token; it says why where that is refused too
            return None, True
        if status:
            self._unchanged()
            raise self.storage.refusal(status, "", self.place)
        meta = result.meta
        if meta.get("version") not in (None, str(self.generation)) or meta["size"] != self.stored:
            self._unchanged()
            return None, True
        if result.range[0] != at:
            return None, True
        return result.stream(BLOCK), False


def _next(obstore: Any, stream: Any) -> tuple[bytes, bool]:
    """The next block, and whether the stream has ended or broken."""
    try:
        return next(stream), False
    except (StopIteration, obstore.exceptions.BaseError, OSError):
        return b"", True


def _unpacked(name: str, blocks: Iterator[bytes], start: int) -> Iterator[bytes]:
    """What gzip packed, in blocks of bounded size, however well it was packed; without the first `start` bytes."""
    unpacker = None
    failure, pending = "", False
    try:
        for block in blocks:
            rest = block
            while rest or pending:
                if unpacker is None:  # the first member, or a further one
                    unpacker = zlib.decompressobj(31)
                data = unpacker.decompress(rest, BLOCK)
                pending = len(data) == BLOCK and not unpacker.eof  # what it holds back has no bytes that are to come
                rest = unpacker.unconsumed_tail
                if unpacker.eof:
                    rest, unpacker = unpacker.unused_data.lstrip(b"\0"), None  # padding is allowed behind a member
                if start:
                    start, data = max(start - len(data), 0), data[start:]
                if data:
                    yield data
    except zlib.error as error:
        failure = str(error)
    if failure or unpacker is not None:
        raise DatasetError(f"{name} is not whole: {failure or 'its gzip stream breaks off'}")


def _obstore() -> Any:
    """The library; it is large, so it is loaded when it is needed."""
    with contextlib.suppress(ImportError):
        library = importlib.import_module("obstore")
        for part in ("exceptions", "store"):
            importlib.import_module(f"obstore.{part}")
        return library
    raise ConfigurationError("data in Cloud Storage need obstore: pip install 'gemtune[dataset]'")


def _store(obstore: Any, bucket: str, storage: Storage, headers: Mapping[str, str]) -> Any:
    """A store for one request: its token is that request's, and a new one is asked for with the next."""
    token = headers.get("authorization", "")
    # The stored bytes are wanted: the service would unpack them for who does not say that he takes gzip, and then
    # knows no ranges.
    sent = {"accept-encoding": "gzip"} | {key: value for key, value in headers.items() if key != "authorization"}
    client: dict[str, Any] = {
        "allow_http": not storage.endpoint.secure,
        "default_headers": sent,
        "connect_timeout": f"{rest_wire.CONNECT_TIMEOUT:g} seconds",
        "read_timeout": _READ_TIMEOUT,
        "timeout": _WHOLE,
    }
    # The library reads the environment by rules of its own: it would ask a proxy even for this machine.
    wanted, there = rest_wire.proxy_of(storage.endpoint), getproxies()
    proxy = wanted or there.get(storage.endpoint.url.partition(":")[0]) or there.get("all")
    if proxy:
        client["proxy_url"] = proxy if "://" in proxy else f"http://{proxy}"
        if not wanted:
            client["proxy_excludes"] = storage.endpoint.host
    if storage.endpoint.secure:
        client["root_certificate"] = _trusted()
    config: dict[str, Any] = {"base_url": storage.endpoint.url}
    if token:
        config["bearer_token"] = token.removeprefix("Bearer ")
    else:
        config["skip_signature"] = True
    return obstore.store.GCSStore(bucket, config=config, client_options=client, retry_config={"max_retries": 0})


def _trusted() -> bytes:
    """The authorities that the client trusts (the library trusts the system's, too), in one PEM text.

    What is wrong with them was told before: sizes are asked for first.
    """
    import certifi

    path = Path(tls.ca_bundle() or certifi.where())
    files = sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]
    return b"\n".join(data for each in files if b"BEGIN CERTIFICATE" in (data := each.read_bytes()))


@lru_cache(maxsize=8)
def _of_credentials(credentials: Any, environment: str) -> Storage:  # noqa: ARG001  part of the key
    return Storage(credentials)


def _storage(credentials: Any) -> Storage:
    return _of_credentials(credentials, os.environ.get(EMULATOR, ""))
