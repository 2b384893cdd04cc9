"""A place in the network between a client and a real server at which answers are lost and the server is out of reach.

What is asked reaches the server unless it is away; an answer that is cut is one whose work the server has done.
"""

import contextlib
import select
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

_BYTES = 1 << 16
_LOOK_S = 0.05
"""How soon a connection notices that the server is away."""


class Edge:
    """Forwards connections to `port` of loopback, for any protocol in which one side asks and the other answers."""

    def __init__(self, port: int, passes: Callable[[], bool] = lambda: True) -> None:
        """`passes` is called when an answer begins; where it says no, the connection ends instead of the answer."""
        self._upstream = port
        self.passes = passes
        self._judging = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.is_away = False
        self.cuts = 0

    @property
    def url(self) -> str:
        """Of an HTTP server behind it."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, work: Callable[[], None]) -> None:
        self._threads.append(threading.Thread(target=work, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            if select.select([self._listener], [], [], _LOOK_S)[0]:
                client = self._listener.accept()[0]
                self._start(lambda client=client: self._carry(client))  # type: ignore[misc]  # bound as it is now

    def _carry(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if not self.is_away:
                with socket.create_connection(("127.0.0.1", self._upstream)) as server:
                    self._forward(client, server)

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        """Until one side ends, an answer is cut, or the server is away."""
        is_asked = False
        while not self._ended.is_set() and not self.is_away:
            for ready in select.select([client, server], [], [], _LOOK_S)[0]:
                data = ready.recv(_BYTES)
                if not data or (ready is server and is_asked and not self._judge()):
                    return
                (server if ready is client else client).sendall(data)
                is_asked = ready is client

    def _judge(self) -> bool:
        with self._judging:
            passes = self.passes()
            self.cuts += not passes
            return passes
