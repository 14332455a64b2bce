"""An HTTPS server of one pod, on the standard library alone; run as a program.

    python https_program.py ADDRESS PORT NAME CERT_FILE KEY_FILE

It answers every GET and POST with what it saw, as JSON, and writes one line for each into
``requests.jsonl`` before it answers: what is in there has reached a server. ``/slow`` takes
a second, ``/drop`` ends the connection without an answer. Connections are kept alive.
"""

from __future__ import annotations

import json
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """Tells what came."""

    protocol_version = "HTTP/1.1"
    name = ""

    def do_GET(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen = {
            "pod": self.name,
            "method": self.command,
            "path": self.path,
            "host": self.headers["Host"],
            "body": body.decode(),
            "client": list(self.client_address[:2]),
        }
        with Path("requests.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(seen) + "\n")
        if self.path == "/drop":
            self.close_connection = True
            return
        if self.path == "/slow":
            time.sleep(1.0)
        answer = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET  # noqa: N815 - the name http.server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing: the file tells."""


class Server(ThreadingHTTPServer):
    """Shakes hands in the thread of each connection, not before accepting the next."""

    daemon_threads = True
    request_queue_size = 64


def main(address: str, port: str, name: str, cert_file: str, key_file: str) -> None:
    """Serve until killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    Handler.name = name
    with Server((address, int(port)), Handler) as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
