"""Which response a request gets: an entry, an item of a sequence, or what a sequence has seen."""

from __future__ import annotations

import base64
import json
import re
import threading
from typing import Any, NamedTuple, Optional

MAX_SECONDS = 60
#: More requests to sequences are not remembered: the oldest key is dropped.
MAX_RECORDS = 10_000

SEQUENCE = re.compile(r"/sequence/(.+)/([A-Za-z0-9_-]{1,64})")
SEEN = re.compile(r"/seen/([A-Za-z0-9_-]{1,64})")
INTERIM = re.compile(rb"(HTTP/1\.1 1\d\d .*?\r\n\r\n)+", re.S)


class Request(NamedTuple):
    """A request that the lab has received."""

    at: float  #: seconds from the start of the lab until its line had arrived
    connection: int  #: the number of its connection; the first one is 1
    method: str
    target: str  #: as it was sent
    head: str  #: the field lines that had arrived with the request line


class Response(NamedTuple):
    """What is sent, for how many seconds at most, and how the connection goes on."""

    pieces: list[Any]
    ending: str = "open"
    seconds: float = MAX_SECONDS
    stalls: bool = False
    is_broken: bool = False


def contract_of(vector: dict[str, Any]) -> dict[str, Any]:
    """An entry without its bytes."""
    return {name: value for name, value in vector.items() if name not in ("pieces", "ending")}


class Responder:
    """Finds the response to a request, and remembers those to sequences."""

    def __init__(self, vectors: dict[str, Any]) -> None:
        self.entries = [contract_of(vector) for vector in vectors["entries"]]
        every = [*vectors["others"], *vectors["entries"]]
        self._by_path = {one["path"]: one for one in every}
        self._by_pattern = {pattern_of(one): one for one in vectors["entries"]}
        self._sequences = Sequences()

    def response(self, request: Request) -> Response:
        """The response to this request."""
        path = path_of(request.target)
        found = self._find(path, request)
        if found is None:
            message = f"Cannot answer {path}: expected a path that /lab.json lists\n"
            found = text_response("404 Not Found", "text/plain", message)
        if request.method == "HEAD" and not found.is_broken:
            found = found._replace(pieces=head_of(found.pieces))
        return found

    def _find(self, path: str, request: Request) -> Optional[Response]:
        sequence = SEQUENCE.fullmatch(path)
        seen = SEEN.fullmatch(path)
        anywhere = re.fullmatch(r"/any/((?:events/)?[^/]+)(?:/.*)?", path)
        if path == "/lab.json":
            return json_response(self.entries)
        if seen:
            return json_response(self._sequences.seen(seen[1]))
        if sequence:
            items = sequence[1].split(",")
            responses = [self._item(item) for item in items]
            if None in responses:
                return None
            return responses[self._sequences.next(items, sequence[2], request)]
        return self._item(anywhere[1]) if anywhere else self._entry(path)

    def _item(self, item: str) -> Optional[Response]:
        """The response that an item of a sequence stands for: `503`, `reset`, `retry-after:1`."""
        path = f"/status/{item}" if re.fullmatch(r"[2-5]\d\d", item) else f"/{item}"
        return self._entry(path.replace(":", "/", 1))

    def _entry(self, path: str) -> Optional[Response]:
        """The response of an entry. Its parameter may be the one listed, or a number of seconds."""
        vector = self._by_path.get(path)
        if vector:
            return response_of(vector)
        name, _, value = path.rpartition("/")
        vector = self._by_pattern.get(f"{name}/SECONDS")
        if not vector or not re.fullmatch(r"\d{1,2}(\.\d{1,3})?", value):
            return None
        return in_seconds(response_of(vector), vector, value)


class Sequences:
    """How often each sequence was asked for, and what each key has seen."""

    def __init__(self) -> None:
        self._seen: dict[str, list[tuple[str, Request, str]]] = {}
        self._lock = threading.Lock()

    def next(self, items: list[str], key: str, request: Request) -> int:
        """The index of the item that this request gets. The last item repeats."""
        name = ",".join(items)
        with self._lock:
            records = self._seen.setdefault(key, [])
            index = min(sum(one == name for one, _, _ in records), len(items) - 1)
            records.append((name, request, items[index]))
            while sum(map(len, self._seen.values())) > MAX_RECORDS:
                del self._seen[next(iter(self._seen))]
        return index

    def seen(self, key: str) -> list[dict[str, Any]]:
        """The requests to the sequences of a key, in order."""
        with self._lock:
            records = list(self._seen.get(key, []))
        return [record_of(item, request, records[0][1].at) for _, request, item in records]


def record_of(item: str, request: Request, start: float) -> dict[str, Any]:
    """What `/seen` tells of a request."""
    return {
        "at": round(request.at - start, 3),
        "item": item,
        "method": request.method,
        "connection": request.connection,
    }


def pattern_of(vector: dict[str, Any]) -> str:
    """The path of an entry with the name of its parameter, such as `/hang/SECONDS`."""
    return vector["usage"].split(",")[0]


def response_of(vector: dict[str, Any]) -> Response:
    is_broken = vector.get("broken", False)
    stalls = vector.get("stalls", False) or {"until": "request"} in vector["pieces"]
    return Response(vector["pieces"], vector["ending"], stalls=stalls, is_broken=is_broken)


def in_seconds(response: Response, vector: dict[str, Any], value: str) -> Response:
    """The response with another number of seconds: a limit, the sum of its pauses, or in a field."""
    seconds = float(value)
    pauses = [piece for piece in response.pieces if isinstance(piece, (int, float))]
    if response.stalls:
        return response._replace(seconds=seconds)
    if pauses:
        factor = seconds * 1000 / sum(pauses)
        return response._replace(pieces=[
            piece * factor if isinstance(piece, (int, float)) else piece
            for piece in response.pieces
        ])
    listed = vector["path"].split("/")[-1]
    head, *content = response.pieces
    field, other = (f": {seconds}\r\n".encode() for seconds in (listed, value))
    return response._replace(pieces=[base64.b64decode(head).replace(field, other), *content])


def head_of(pieces: list[Any]) -> list[Any]:
    """The pieces up to the end of the final head, for HEAD."""
    kept: list[Any] = []
    text = b""
    for piece in pieces:
        kept.append(piece)
        if not isinstance(piece, (bytes, str)):
            continue
        added = piece if isinstance(piece, bytes) else base64.b64decode(piece)
        text += added
        interim = INTERIM.match(text)
        end = text.find(b"\r\n\r\n", interim.end() if interim else 0)
        if end >= 0:
            kept[-1] = added[: len(added) - (len(text) - end - 4)]
            break
    return kept


def path_of(target: str) -> str:
    """The path of a target in origin or absolute form, without its query."""
    return re.sub(r"[?#].*", "", re.sub(r"^https?://[^/?#]*", "", target, flags=re.I), flags=re.S) or "/"


def json_response(value: Any) -> Response:
    return text_response("200 OK", "application/json", json.dumps(value, separators=(",", ":")) + "\n")


def text_response(status: str, kind: str, content: str) -> Response:
    octets = content.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(octets)}\r\n\r\n"
    return Response([head.encode() + octets])
