"""Replays the vectors of the lab: one thread accepts, and each connection has a thread of its own."""

from __future__ import annotations

import base64
import collections
import os
import re
import socket
import struct
import threading
import time
from typing import Any, Iterator, Optional

from .responses import Request, Responder

MAX_SECONDS = 60
MAX_BYTES = 64 * 1024 * 1024
MAX_REQUESTS = 1000
MAX_LINE_BYTES = 8192
REQUEST_SECONDS = 10
IDLE_SECONDS = 5
LINGER_SECONDS = 2
MAX_LINGER_SECONDS = 30
MAX_PAUSE_SECONDS = 1
#: What has been sent needs a moment until a client has noticed it. What comes twenty times a second
#: comes once more within it.
NOTICE_SECONDS = 0.06

#: Closing a socket with this option resets the connection.
RESET = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
HEAD_END = re.compile(rb"\A\r?\n|\r?\n\r?\n")
#: What makes a connection close after a response that would leave it open (RFC 9112 §9.3).
CLOSES = re.compile(
    rb"^(connection:.*\bclose\b|content-length:(?!\s*0\s*$)|transfer-encoding:)", re.I | re.M
)


class Lab:
    """A lab that runs. It ends with `close()`, or at the end of a `with` block."""

    def __init__(self, vectors: dict[str, Any], host: str, port: int) -> None:
        self.responder = Responder(vectors)
        self.requests: collections.deque[Request] = collections.deque(maxlen=MAX_REQUESTS)
        self.started_at = time.monotonic()
        self._connections: set[_Connection] = set()
        self._count = 0
        self._changed = threading.Condition()
        self._is_closed = False
        self._listeners = [_listen(host, port), _listen(host, 0)]
        self.port: int = self._listeners[0].getsockname()[1]
        #: Its origin, such as `http://127.0.0.1:40123`.
        self.url = _origin(self._listeners[0])
        #: A URL of another origin. It answers without content, once everything late has been sent.
        self.pause_url = _origin(self._listeners[1]) + "/pause"
        for listener, answers in zip(self._listeners, (_Connection, _Pause)):
            threading.Thread(target=self._accept, args=(listener, answers), daemon=True).start()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def join(self, path: str) -> str:
        """The URL of a path, such as that of an entry."""
        return self.url + path

    def log(self, since: float = 0) -> str:
        """The requests that have arrived, a line each, from so many seconds after the start."""
        return "\n".join(
            f"{at:8.3f} s, connection {connection}: {method} {target}"
            for at, connection, method, target, _ in list(self.requests)
            if at >= since
        )

    def close(self) -> None:
        """Stops it at once. Connections that are still open are closed."""
        with self._changed:
            self._is_closed = True
            open_ones = list(self._connections)
        for listener in self._listeners:
            _stop(listener)
        for connection in open_ones:
            _stop(connection.socket)

    def _accept(self, listener: socket.socket, answers: type[_Connection]) -> None:
        while not self._is_closed:
            try:
                client, _ = listener.accept()
            except OSError:
                continue
            with self._changed:
                self._count += answers is _Connection
                connection = answers(self, client, self._count)
                self._connections.add(connection)
            threading.Thread(target=connection.run, daemon=True).start()

    def left(self, connection: _Connection) -> None:
        with self._changed:
            self._connections.discard(connection)
            self._changed.notify_all()

    def written(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def settle(self) -> None:
        """Waits until no response is unfinished, a second at most."""
        with self._changed:
            self._changed.wait_for(
                lambda: not any(one.is_unfinished for one in self._connections), MAX_PAUSE_SECONDS
            )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=256)


def _origin(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _stop(some: socket.socket) -> None:
    """Wakes the thread that waits for it, and closes it."""
    try:
        some.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # nobody is connected
    some.close()


class _Left(Exception):
    """The client has gone, or has sent nothing for too long."""


class _Connection:
    """One connection: takes requests, and answers each with the pieces of its entry."""

    is_unfinished = False

    def __init__(self, lab: Lab, client: socket.socket, number: int) -> None:
        self.lab = lab
        self.socket = client
        self.number = number
        self._input = b""
        self._has_ended = False
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        try:
            seconds = REQUEST_SECONDS
            while self._serve_one(seconds) == "open":
                seconds = IDLE_SECONDS
        except (_Left, OSError):
            pass
        finally:
            self.is_unfinished = False
            self.socket.close()
            self.lab.left(self)

    def _serve_one(self, seconds: float) -> str:
        """Takes a request and answers it. Returns how the connection goes on."""
        request, may_stay = self._take_request(seconds)
        ending = self._answer(request)
        ending = "linger" if ending == "open" and not may_stay else ending
        if ending == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        if ending == "linger":
            self._linger()
        return ending

    def _take_request(self, seconds: float) -> tuple[Request, bool]:
        """The next request, and true if the connection may stay open after its response."""
        method, target, version = self._take_line(seconds)
        at = time.monotonic() - self.lab.started_at
        end = HEAD_END.search(self._input)
        head = self._input[: end.start()] if end else self._input
        may_stay = version == "HTTP/1.1" and end is not None and not CLOSES.search(head)
        if end and may_stay:
            self._input = self._input[end.end() :]
        request = Request(at, self.number, method, target, head.decode("latin-1"))
        self._record(request)
        return request, may_stay

    def _take_line(self, seconds: float) -> list[str]:
        end = time.monotonic() + seconds
        while b"\n" not in self._input:
            if len(self._input) > MAX_LINE_BYTES or not self._fill(end - time.monotonic()):
                raise _Left
            self._input = self._input.lstrip(b"\r\n")
        line, _, self._input = self._input.partition(b"\n")
        words = line.rstrip(b"\r").decode("latin-1").split(" ")
        if len(words) != 3:
            raise _Left
        return words

    def _record(self, request: Request) -> None:
        self.lab.requests.append(request)

    def _answer(self, request: Request) -> str:
        response = self.lab.responder.response(request)
        self.is_unfinished = not response.stalls
        self._play(response.pieces, response.seconds)
        self.is_unfinished = False
        self.lab.written()
        return response.ending

    def _play(self, pieces: list[Any], seconds: float) -> None:
        """Sends the pieces. Waits add up, so that a slow machine sends the same bytes."""
        start = due = time.monotonic()
        left = MAX_BYTES
        for piece in _flat(pieces, self.lab.port):
            if left <= 0 or time.monotonic() >= start + MAX_SECONDS:
                return
            if isinstance(piece, bytes):
                self.socket.settimeout(MAX_SECONDS)
                self.socket.sendall(piece[:left])
                left -= len(piece)
            elif isinstance(piece, (int, float)):
                due = min(due + piece / 1000, start + seconds)
                time.sleep(max(0, due - time.monotonic()))
                if due >= start + seconds:
                    return
            elif piece is None:
                return self._stall(start + seconds)
            elif "until" in piece:
                return self._pass_over(start + seconds - time.monotonic())
            elif self._await_request(piece["late"] / 1000):
                return

    def _await_request(self, seconds: float) -> bool:
        """Waits for a byte of the next request; False if none comes in time."""
        end = time.monotonic() + seconds
        while not self._input.strip(b"\r\n") and self._fill(end - time.monotonic()):
            pass
        rest = end - time.monotonic()
        if not self._input and self._has_ended and rest > 0:
            time.sleep(rest)
        return self._input != b""

    def _pass_over(self, seconds: float) -> None:
        """Waits for the next request, which gets no answer of its own."""
        try:
            self._take_request(seconds)
        except _Left:
            pass

    def _stall(self, end: float) -> None:
        """Waits until the client sends no more, at most until then."""
        while self._fill(end - time.monotonic()):
            self._input = b""

    def _linger(self) -> None:
        """Half-closes, and discards what the client still sends (RFC 9112 §9.6)."""
        self.socket.shutdown(socket.SHUT_WR)
        end = time.monotonic() + MAX_LINGER_SECONDS
        while self._fill(min(LINGER_SECONDS, end - time.monotonic())):
            self._input = b""

    def _fill(self, seconds: float) -> bool:
        """Reads more input. False at its end, or if none comes within so many seconds."""
        if seconds <= 0 or self._has_ended:
            return False
        self.socket.settimeout(seconds)
        try:
            more = self.socket.recv(MAX_LINE_BYTES)
        except socket.timeout:
            return False
        self._has_ended = more == b""
        self._input += more
        return not self._has_ended


class _Pause(_Connection):
    """A connection to the other origin: what it asks for is answered when nothing is late."""

    def _record(self, request: Request) -> None:
        pass

    def _answer(self, request: Request) -> str:
        self.lab.settle()
        time.sleep(NOTICE_SECONDS)
        self.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return "linger"


def _flat(pieces: list[Any], port: int) -> Iterator[Any]:
    """Pieces one by one: bytes, waits in milliseconds, and what depends on the client."""
    for piece in pieces:
        if isinstance(piece, str):
            yield base64.b64decode(piece)
        elif isinstance(piece, dict) and "repeat" in piece:
            yield from _repeated(base64.b64decode(piece["repeat"]), **piece)
        elif isinstance(piece, dict) and "port" in piece:
            yield str(port).encode()
        else:
            yield piece


def _repeated(
    encoded: bytes, repeat: str, times: Optional[int] = None, pause: float = 0
) -> Iterator[Any]:
    count = 0
    while times is None or count < times:
        yield encoded
        if pause > 0:
            yield pause
        count += 1
