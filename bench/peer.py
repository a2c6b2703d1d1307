"""The peer http.server, in its form that serves more than one connection at a time."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = b"Hello world!"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write for head and body: apart, the second waits for a delayed ACK

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(BODY)))
        if self.close_connection:
            self.send_header("Connection", "close")  # else wrk counts the end as an error
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 511  # 5 by default; the other servers queue this many or more

    def handle_error(self, *_):
        pass  # a client that resets is no event


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
