"""A bad network between the browser and a real server: bytes that wait, connections that break off, nobody there."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class BadNetwork:
    """A relay on a port of loopback. It passes everything on until it is told otherwise."""

    def __init__(self, port: int, own_port: int) -> None:
        self.url = f"http://127.0.0.1:{own_port}"
        self.is_away = False
        """Connections are closed as soon as they are made, or anything comes over them."""
        self.hold_before = b""
        """A reply waits before these bytes until this is emptied, or breaks off there when the server goes away."""
        self.client_left = threading.Event()
        """Set when a client closes a connection."""
        self._port = port

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            if not self.is_away:
                await self._pass_on(reader, writer)
        finally:
            await _closed(writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        asking = asyncio.create_task(self._ask(reader, to_server))
        answering = asyncio.create_task(self._answer(from_server, writer))
        try:
            await asyncio.wait({asking, answering}, return_when=asyncio.FIRST_COMPLETED)
            if asking.done() and not self.is_away:
                self.client_left.set()
        finally:
            asking.cancel()
            answering.cancel()
            await asyncio.gather(asking, answering, return_exceptions=True)
            await _closed(to_server)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while (data := await reader.read(1 << 16)) and not self.is_away:
                writer.write(data)
                await writer.drain()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while (data := await reader.read(1 << 16)) and not self.is_away:
                begin, mark, rest = data.partition(self.hold_before) if self.hold_before else (data, b"", b"")
                writer.write(begin)
                await writer.drain()
                while mark and self.hold_before:
                    if self.is_away:
                        return
                    await asyncio.sleep(0.01)
                writer.write(mark + rest)


@contextmanager
def bad_network(url: str) -> Iterator[BadNetwork]:
    """A relay to the server at `url`."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        network = BadNetwork(int(url.rpartition(":")[2]), listener.getsockname()[1])
        thread = threading.Thread(target=loop.run_until_complete, args=(_serve(listener, network, stop),))
        thread.start()
        try:
            yield network
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
    loop.close()


async def _serve(listener: socket.socket, network: BadNetwork, stop: asyncio.Event) -> None:
    connections: set[asyncio.Task[None]] = set()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await network.relay(reader, writer)
        connections.discard(task)

    server = await asyncio.start_server(relay, sock=listener)
    await stop.wait()
    server.close()
    for each in tuple(connections):
        each.cancel()
    await asyncio.gather(*connections, return_exceptions=True)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
