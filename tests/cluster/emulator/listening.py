"""Threaded servers on local ports that end with all their connections."""

from __future__ import annotations

import socket
import struct
import sys
import threading
import traceback
from contextlib import suppress
from socketserver import TCPServer, ThreadingMixIn
from typing import Any


class Listener(ThreadingMixIn, TCPServer):
    """Serves each connection in a thread; `stop` cuts them all and waits for their threads."""

    request_queue_size = 512
    allow_reuse_address = True
    scheme = "http"

    def __init__(self, handler: Any) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.problems: list[str] = []  # what no handler expected
        self._lock = threading.Lock()
        self._open: dict[Any, threading.Thread] = {}
        self._thread = threading.Thread(target=self.serve_forever, args=[0.02], name="listener", daemon=True)

    @property
    def url(self) -> str:
        """Return where to send requests."""
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread, and remember both."""
        thread = threading.Thread(target=self.process_request_thread, args=[request, client_address], daemon=True)
        with self._lock:
            self._open[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, and forget it."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def reset(self, request: Any) -> None:
        """Make a connection end with a reset instead of an orderly close."""
        with self._lock:
            self._open.pop(request, None)
        request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what nobody expected for the end of the test; a client may go away whenever it likes."""
        if not isinstance(sys.exc_info()[1], OSError):
            self.problems.append(traceback.format_exc())

    def stop(self) -> None:
        """Stop listening, cut every connection and wait until nobody serves any more."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._lock:
            connections = dict(self._open)
        for connection, thread in connections.items():
            with suppress(OSError):  # its client may be quicker
                # The socket's own way, below TLS: the thread that reads may be in the middle of a record.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            thread.join(timeout=5)
