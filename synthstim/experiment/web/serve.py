"""A small server for the page of an experiment: its own files, and three questions; nothing else is read or written."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from synthstim.errors import InputError, said_by
from synthstim.experiment.web.answers import Answers, Refusal, require_page
from synthstim.experiment.web.page import PLANS

# A trial is some hundreds of bytes.
MOST_BYTES = 20_000
_QUIET_S = 30
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class PageServer(ThreadingHTTPServer):
    """Serves one experiment until it is closed.

    Args:
        directory: the exported experiment, with its page.
        host, port: where; port 0 takes a free one.

    Attributes:
        address: to open in a browser.

    Raises:
        InputError: there is no page, or the port is taken.
    """

    daemon_threads = True

    def __init__(self, directory: str | Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        root = Path(directory).resolve()
        require_page(root)
        web = root / "web"
        self.files = {
            path.relative_to(web).as_posix(): path
            for path in web.rglob("*")
            if path.is_file() and path.parent.name != PLANS and path.resolve().is_relative_to(web)
        }
        self.answers = Answers(root)
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise InputError(f"{host}:{port} cannot be served on ({said_by(error)})", "choose another --port") from None
        self.address = f"http://{host}:{self.server_address[1]}/"

    def server_close(self) -> None:
        """Close the tables, too."""
        super().server_close()
        self.answers.close()


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    timeout = _QUIET_S
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """A file of the page."""
        name = unquote(urlsplit(self.path).path).lstrip("/") or "index.html"
        if (path := self.server.files.get(name)) is None:
            self._send(404, b"not found", "text/plain")
            return
        kind = "text/javascript" if path.suffix == ".js" else guess_type(path.name)[0] or "application/octet-stream"
        self._send(200, path.read_bytes(), kind)

    def do_POST(self) -> None:
        """A participant begins, a trial begins, a trial is answered."""
        answers = self.server.answers
        known: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "/api/start": lambda sent: answers.start(sent.get("token")),
            "/api/begin": answers.begin,
            "/api/trial": answers.trial,
        }
        take, length = known.get(self.path), self.headers.get("Content-Length", "")
        if take is None:
            self._refuse(404, "There is nothing of this name.")
        elif not length.isdigit() or int(length) > MOST_BYTES:
            self._refuse(413, f"Expected at most {MOST_BYTES} bytes.")
        elif self.headers.get_content_type() != "application/json":
            # A form of another site cannot send this type.
            self._refuse(415, "Expected application/json.")
        else:
            self._take(take, self.rfile.read(int(length)))

    def _take(self, take: Callable[[dict[str, Any]], dict[str, Any]], content: bytes) -> None:
        try:
            sent = json.loads(content)
            if not isinstance(sent, dict):
                raise ValueError("no object")
        except (ValueError, RecursionError):
            self._refuse(400, "Expected a JSON object.")
            return
        try:
            self._send(200, json.dumps(take(sent)).encode("utf-8"), "application/json")
        except Refusal as error:
            self._refuse(409, str(error))
        except OSError as error:
            self._refuse(503, f"The answer could not be written ({said_by(error)}).")

    def _refuse(self, status: int, sentence: str) -> None:
        self.close_connection = True
        self._send(status, json.dumps({"error": sentence}).encode("utf-8"), "application/json")

    def _send(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Addresses of participants are not kept."""


__all__ = ["PageServer"]
