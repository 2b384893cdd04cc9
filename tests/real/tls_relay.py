"""HTTPS before a real server that speaks plain HTTP, with a certificate of its own making."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def tls_relay(port: int, folder: Path) -> Iterator[tuple[str, Path]]:
    """The https URL that leads to `port` of loopback, and the file with the certificate to trust."""
    certificate, key = folder / "server.crt", folder / "server.key"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=relay -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*make.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=loop.run_until_complete, args=(_serve(listener, context, port, stop),))
        thread.start()
        yield url, certificate
        loop.call_soon_threadsafe(stop.set)
        thread.join()
    loop.close()


async def _serve(listener: socket.socket, context: ssl.SSLContext, port: int, stop: asyncio.Event) -> None:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_copy(reader, to_server), _copy(from_server, writer))

    async with await asyncio.start_server(relay, sock=listener, ssl=context):
        await stop.wait()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
