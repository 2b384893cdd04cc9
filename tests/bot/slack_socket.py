"""The other end of Socket Mode: a websocket server (RFC 6455) that sends envelopes as Slack does and hears of acks."""

import base64
import contextlib
import hashlib
import json
import queue
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class SlackSocket:
    """`acks`: envelope ids that the bot acknowledged, in order."""

    def __init__(self) -> None:
        self.acks: queue.Queue[str] = queue.Queue()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connected = threading.Event()
        self._connection: socket.socket | None = None
        self._sending = threading.Lock()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._listener.getsockname()[1]}/link?ticket=t"

    def send(self, envelope: dict[str, Any]) -> None:
        assert self._connected.wait(30)
        self._send(TEXT, json.dumps(envelope).encode())

    @contextlib.contextmanager
    def running(self) -> Iterator["SlackSocket"]:
        thread = threading.Thread(target=self._serve, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            for each in (self._connection, self._listener):
                if each is not None:
                    with contextlib.suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)
                    each.close()
            thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                connection, _ = self._listener.accept()
                self._connection = connection
                with contextlib.suppress(ConnectionError, OSError):
                    self._shake_hands(connection)
                    self._listen(connection)

    def _shake_hands(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        key = next(
            line.split(": ")[1] for line in head.decode().split("\r\n") if line.lower().startswith("sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        self._send(TEXT, json.dumps({"type": "hello", "num_connections": 1}).encode())
        self._connected.set()

    def _listen(self, connection: socket.socket) -> None:
        while True:
            opcode, payload = _frame(connection)
            if opcode == CLOSE:
                return
            if opcode == PING:
                self._send(PONG, payload)
            if opcode == TEXT:
                self.acks.put(str(json.loads(payload)["envelope_id"]))

    def _send(self, opcode: int, payload: bytes) -> None:
        assert self._connection is not None
        size = struct.pack("!B", len(payload)) if len(payload) < 126 else struct.pack("!BH", 126, len(payload))
        with self._sending:
            self._connection.sendall(bytes([0x80 | opcode]) + size + payload)


def _frame(connection: socket.socket) -> tuple[int, bytes]:
    first, second = _read(connection, 2)
    size = second & 0x7F
    if size == 126:
        size = struct.unpack("!H", _read(connection, 2))[0]
    elif size == 127:
        size = struct.unpack("!Q", _read(connection, 8))[0]
    mask = _read(connection, 4) if second & 0x80 else bytes(4)
    return first & 0x0F, bytes(byte ^ mask[place % 4] for place, byte in enumerate(_read(connection, size)))


def _read(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            raise ConnectionError("closed")
        found += part
    return found
