"""urllib3: 3 s for each read. It follows redirects; other retries would take too long."""

import sys
import urllib3

retries = urllib3.Retry(total=None, connect=0, read=0, other=0, redirect=20)
pool = urllib3.PoolManager(timeout=urllib3.Timeout(total=3), retries=retries)
try:
    for at, url in enumerate(sys.argv[1:]):
        content = pool.request("GET", url).data
        if at != 1:
            sys.stdout.buffer.write(content)
except Exception as error:
    sys.exit(f"error: {error!r}")
