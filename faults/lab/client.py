"""Requests each path with urllib3 or httpx, and prints a line of JSON for each."""

import json
import signal
import sys

library = __import__(sys.argv[1])
given = json.load(sys.stdin)
seconds = given["timeoutMs"] / 1000


class ReadsOn(BaseException):
    """The hard limit, for clients whose timeout restarts with each byte."""


def stop(*_):
    raise ReadsOn


def request_urllib3(method, url, content):
    retries = library.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=20)
    pool = library.PoolManager(timeout=library.Timeout(total=seconds), retries=retries)
    response = pool.request(method, url, body=content)
    return response.status, response.data


def request_httpx(method, url, content):
    with library.Client(timeout=seconds, follow_redirects=True, trust_env=False) as client:
        response = client.request(method, url, content=content)
        return response.status_code, response.content


def reason_of(error):
    """The name of the innermost error."""
    inner = getattr(error, "reason", None) or next((a for a in error.args if isinstance(a, Exception)), None)
    return reason_of(inner) if isinstance(inner, Exception) else type(error).__name__


request = {"urllib3": request_urllib3, "httpx": request_httpx}[sys.argv[1]]
signal.signal(signal.SIGALRM, stop)
for task in given["tasks"]:
    signal.setitimer(signal.ITIMER_REAL, given["hardLimitMs"] / 1000)
    try:
        content = bytes(task["sentBytes"]) if task["sentBytes"] else None
        status, body = request(task["method"], given["origin"] + task["path"], content)
        result = f"{status} {len(body)}"
    except ReadsOn:
        result = "reads on"
    except Exception as error:
        result = reason_of(error)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(json.dumps({"path": task["path"], "result": result}), flush=True)
