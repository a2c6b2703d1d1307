"""Asks for each path with urllib3 or httpx: paths in, a line of JSON out for each."""

import json
import signal
import sys

library = __import__(sys.argv[1])
task = json.load(sys.stdin)
seconds = task["timeoutMs"] / 1000


class ReadsOn(BaseException):
    """The hard limit, for a client whose own timeout begins anew with each byte."""


def stop(*_):
    raise ReadsOn


def ask_urllib3(method, url, content):
    retries = library.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=20)
    pool = library.PoolManager(timeout=library.Timeout(total=seconds), retries=retries)
    response = pool.request(method, url, body=content)
    return response.status, response.data


def ask_httpx(method, url, content):
    with library.Client(timeout=seconds, follow_redirects=True, trust_env=False) as client:
        response = client.request(method, url, content=content)
        return response.status_code, response.content


def reason_of(error):
    """The innermost error that has a name of its own."""
    inner = getattr(error, "reason", None) or next((a for a in error.args if isinstance(a, Exception)), None)
    return reason_of(inner) if isinstance(inner, Exception) else type(error).__name__


ask = {"urllib3": ask_urllib3, "httpx": ask_httpx}[sys.argv[1]]
signal.signal(signal.SIGALRM, stop)
for one in task["asks"]:
    signal.setitimer(signal.ITIMER_REAL, task["hardLimitMs"] / 1000)
    try:
        content = bytes(one["sentBytes"]) if one["sentBytes"] else None
        status, body = ask(one["method"], task["origin"] + one["path"], content)
        outcome = f"{status} {len(body)}"
    except ReadsOn:
        outcome = "reads on"
    except Exception as error:
        outcome = reason_of(error)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(json.dumps({"path": one["path"], "outcome": outcome}), flush=True)
