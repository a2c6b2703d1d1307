"""Right and wrong HTTP/1.1 responses by path, for testing HTTP clients, on threads of this process.

    import firstline_lab

    with firstline_lab.start() as lab:
        print(lab.join("/truncated"))
"""

from __future__ import annotations

import json
import os
from typing import Any

from .replay import Lab
from .responses import Request, contract_of

__all__ = ["Lab", "Request", "entries", "start"]

_VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors.json")


def _read() -> dict[str, Any]:
    with open(_VECTORS, encoding="utf-8") as file:
        return json.load(file)


def entries() -> list[dict[str, Any]]:
    """All entries: what each does, and what a sound client makes of it. Starts nothing."""
    return [contract_of(vector) for vector in _read()["entries"]]


def start(host: str = "127.0.0.1", port: int = 0) -> Lab:
    """Starts a lab on threads of this process; port 0 takes any free one. Close it, or use `with`."""
    return Lab(_read(), host, port)
