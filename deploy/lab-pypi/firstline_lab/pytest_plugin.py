"""The fixture `firstline_lab`: a lab for the whole session, whose log is shown when a test fails."""

from __future__ import annotations

import time
from typing import Any, Iterator

import pytest

from . import Lab, start

_STARTED = pytest.StashKey[float]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("firstline-lab").addoption(
        "--firstline-lab-port",
        type=int,
        default=0,
        metavar="N",
        help="the port of the lab of the fixture firstline_lab; any free one by default",
    )


def pytest_configure(config: pytest.Config) -> None:
    port = config.getoption("--firstline-lab-port")
    if port and (hasattr(config, "workerinput") or getattr(config.option, "numprocesses", None)):
        raise pytest.UsageError(
            f"Cannot use --firstline-lab-port {port}: each worker of pytest-xdist starts a lab, "
            "and only one of them could have it"
        )


@pytest.fixture(scope="session")
def firstline_lab(pytestconfig: pytest.Config) -> Iterator[Lab]:
    """A lab: `url`, `join(path)`, `requests`. Each worker of pytest-xdist has one of its own."""
    with start(port=pytestconfig.getoption("--firstline-lab-port")) as lab:
        yield lab


def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[_STARTED] = time.monotonic()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    lab = getattr(item, "funcargs", {}).get("firstline_lab")
    if report.failed and isinstance(lab, Lab):
        log = lab.log(since=item.stash[_STARTED] - lab.started_at)
        report.sections.append(("Requests to the lab", log or "none"))
