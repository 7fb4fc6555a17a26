"""
A peer: python-socketio. ``python_socketio.py PORT uvicorn|aiohttp [WORD...]``.

Words: ``tuned`` (orjson for JSON, handlers awaited in place), ``tls=DIRECTORY`` (of ``certificate.pem``, ``key.pem``).
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import socketio

ROOMS = [f"room {number}" for number in range(1000)]


class Orjson:
    """
    What python-socketio wants of a JSON module, on orjson.
    """

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        import orjson

        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: Any, **_: Any) -> Any:
        import orjson

        return orjson.loads(text)


def make_server(mode: str, tuned: bool) -> Any:
    """
    Make the server with its handlers.
    """
    options: dict[str, Any] = {"json": Orjson, "async_handlers": False} if tuned else {}
    server = socketio.AsyncServer(async_mode=mode, logger=False, engineio_logger=False, **options)
    in_rooms: set[str] = set()

    async def connect(sid: str, environ: Any, auth: Any = None) -> None:
        await server.enter_room(sid, "r")

    async def echo(sid: str, data: Any) -> Any:
        return data

    async def bcast(sid: str, data: Any) -> None:
        await server.emit("m", data, room="r")

    async def waiting(sid: str, data: Any) -> Any:
        await asyncio.sleep(0)
        return data

    async def rooms(sid: str, data: Any) -> Any:
        change = server.leave_room if sid in in_rooms else server.enter_room
        for room in ROOMS:
            await change(sid, room)
        in_rooms.symmetric_difference_update([sid])
        return data

    for handler in (connect, bcast, waiting, rooms, echo):
        server.on(handler.__name__, handler)
    server.on("coroutine", echo)
    return server


def run_uvicorn(server: Any, port: int, tls: str | None) -> None:
    """
    Serve with uvicorn, which chooses uvloop, httptools and websockets by itself where they are installed.
    """
    import uvicorn

    files = {"ssl_certfile": f"{tls}/certificate.pem", "ssl_keyfile": f"{tls}/key.pem"} if tls else {}
    application = socketio.ASGIApp(server)
    quiet: dict[str, Any] = {"log_level": "warning", "access_log": False, "ws_per_message_deflate": False}
    uvicorn.run(application, host="127.0.0.1", port=port, **quiet, **files)


def run_aiohttp(server: Any, port: int) -> None:
    """
    Serve with aiohttp on uvloop.
    """
    import uvloop
    from aiohttp import web

    application = web.Application()
    server.attach(application)
    web.run_app(application, host="127.0.0.1", port=port, print=None, access_log=None, loop=uvloop.new_event_loop())


def main(port: int, host: str, words: list[str]) -> None:
    """
    Serve until the process is ended.
    """
    tls = next((word.removeprefix("tls=") for word in words if word.startswith("tls=")), None)
    if host == "uvicorn":
        run_uvicorn(make_server("asgi", "tuned" in words), port, tls)
    else:
        run_aiohttp(make_server("aiohttp", "tuned" in words), port)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
