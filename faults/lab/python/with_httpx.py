"""httpx: 3 s for each read, as it has no total."""

import sys
import httpx

try:
    with httpx.Client(timeout=3, follow_redirects=True) as client:
        for at, url in enumerate(sys.argv[1:]):
            content = client.get(url).content
            if at != 1:
                sys.stdout.buffer.write(content)
except Exception as error:
    sys.exit(f"error: {error!r}")
