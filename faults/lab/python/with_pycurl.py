"""libcurl, through pycurl: 3 s in total."""

import io
import sys
import pycurl

curl = pycurl.Curl()
curl.setopt(curl.TIMEOUT, 3)
curl.setopt(curl.FOLLOWLOCATION, True)
try:
    for at, url in enumerate(sys.argv[1:]):
        content = io.BytesIO()
        curl.setopt(curl.URL, url)
        curl.setopt(curl.WRITEDATA, content)
        curl.perform()
        if at != 1:
            sys.stdout.buffer.write(content.getvalue())
except pycurl.error as error:
    sys.exit(f"error: {error!r}")
