"""A mirror on this machine that serves files, and fails as it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Fault = int | float | None
"""Of one answer: a status; the share of the body after which the connection is cut; or none."""


@dataclass
class Mirror:
    """What is served at ``url``.

    Attributes:
        files: contents by name.
        faults: of the first answers, in order.
        always: the fault of the later ones.
        asked: the file of each request.
    """

    files: dict[str, bytes]
    faults: list[Fault] = field(default_factory=list)
    always: Fault = None
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.lstrip("/")
        self.asked.append(name)
        fault = self.faults.pop(0) if self.faults else self.always
        if isinstance(fault, int) or name not in self.files:
            request.send_error(fault if isinstance(fault, int) else 404)
            return
        content = self.files[name]
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content[: round(len(content) * (1.0 if fault is None else fault))])


@contextmanager
def mirror(files: dict[str, bytes], **options: object) -> Iterator[Mirror]:
    """Serve ``files`` at ``Mirror.url`` until the block ends."""
    served = Mirror(files, **options)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        served.url = f"http://127.0.0.1:{server.server_address[1]}/"
        yield served
        server.shutdown()
        thread.join()
