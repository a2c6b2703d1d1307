"""urllib of Python: 3 s for each read, as it has no total. It has no pool."""

import sys
from urllib.error import HTTPError
from urllib.request import urlopen


def get(url):
    try:
        return urlopen(url, timeout=3).read()
    except HTTPError as error:
        return error.read()


try:
    for at, url in enumerate(sys.argv[1:]):
        content = get(url)
        if at != 1:
            sys.stdout.buffer.write(content)
except Exception as error:
    sys.exit(f"error: {error!r}")
