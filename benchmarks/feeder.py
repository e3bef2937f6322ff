"""The other side of the socket: a process that writes ready-made websocket frames, in a blast or paced.

Run as `python feeder.py FRAMES`, where FRAMES is a file made by `write_frames`. It prints its port, then
serves one client after the other until its standard input closes. The path a client asks for says what it
gets: `/blast/5` the whole file five times in bursts of BURST_BYTES, `/paced/2000` that many frames a second.
"""

import mmap
import select
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

BURST_BYTES: Final = 32 * 1024 * 1024
"""What a blast sends without a pause: half of what the journal buffers, so that only a fault drops frames."""
PAUSE_S: Final = 0.4
END_WAIT_S: Final = 20.0


def write_frames(path: Path, frames: Sequence[bytes]) -> None:
    """A file for the feeder: a line of sizes, then the frames as they go over the wire."""
    with path.open("wb") as file:
        file.write(b" ".join(b"%d" % len(frame) for frame in frames) + b"\n")
        file.writelines(frames)


def main(path: Path) -> None:
    with path.open("rb") as file:
        sizes = [int(size) for size in file.readline().split()]
        start = file.tell()
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))[start:]
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            ready, _, _ = select.select([server, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            client, _ = server.accept()
            with client:
                try:
                    serve(client, data, sizes)
                except ConnectionError as error:
                    print(f"the client went: {error}", file=sys.stderr)


def serve(client: socket.socket, data: memoryview, sizes: list[int]) -> None:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    kind, number = handshake(client).strip("/").split("/")
    if kind == "paced":
        paced(client, data, sizes, int(number))
    else:
        blast(client, data, int(number))
    client.sendall(Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=False))
    client.shutdown(socket.SHUT_WR)  # a client that is told to close waits for this
    client.settimeout(END_WAIT_S)
    while client.recv(65_536):  # its requests, then its own close
        pass


def handshake(client: socket.socket) -> str:
    """Answer the upgrade; returns the path asked for."""
    protocol = ServerProtocol()
    while True:
        protocol.receive_data(client.recv(65_536))
        for event in protocol.events_received():
            if isinstance(event, Request):
                protocol.send_response(protocol.accept(event))
                for piece in protocol.data_to_send():
                    client.sendall(piece)
                return event.path


def blast(client: socket.socket, data: memoryview, times: int) -> None:
    for _ in range(times):
        for at in range(0, len(data), BURST_BYTES):
            client.sendall(data[at : at + BURST_BYTES])
            time.sleep(PAUSE_S)


def paced(client: socket.socket, data: memoryview, sizes: list[int], rate: int) -> None:
    """One write a frame, each at its own instant; a late one does not delay those after it."""
    began = time.perf_counter()
    at = 0
    for index, size in enumerate(sizes):
        wait_s = began + index / rate - time.perf_counter()
        if wait_s > 0:
            time.sleep(wait_s)
        client.sendall(data[at : at + size])
        at += size


if __name__ == "__main__":
    main(Path(sys.argv[1]))
