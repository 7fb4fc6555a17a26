"""
A process that publishes with python-socketio or Flask-SocketIO: what it is to call comes on the command line.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from tests.integration.clusters import inward


def write_only(url: str, channel: str, calls: list[Any]) -> list[Any]:
    import socketio

    manager = socketio.RedisManager(url, channel=channel, write_only=True)
    return [getattr(manager, method)(*args, **more) for method, args, more in calls]


def write_only_asyncio(url: str, channel: str, calls: list[Any]) -> list[Any]:
    import socketio

    async def publish() -> list[Any]:
        manager = socketio.AsyncRedisManager(url, channel=channel, write_only=True)
        return [await getattr(manager, method)(*args, **more) for method, args, more in calls]

    return asyncio.run(publish())


def flask(url: str, channel: str, calls: list[Any]) -> list[Any]:
    import flask_socketio

    publisher = flask_socketio.SocketIO(message_queue=url, channel=channel)
    return [getattr(publisher, method)(*args, **more) for method, args, more in calls]


def server(url: str, channel: str, calls: list[Any]) -> list[Any]:
    """
    Be a server, which can be called back.
    """
    import socketio

    async def publish() -> list[Any]:
        manager = socketio.AsyncRedisManager(url, channel=channel)
        sio = socketio.AsyncServer(client_manager=manager, async_mode="asgi")
        manager.initialize()
        # It tells nobody when it listens.
        while not await subscribed(url, channel):
            await asyncio.sleep(0.02)
        return [await getattr(sio, method)(*args, **more) for method, args, more in calls]

    return asyncio.run(publish())


async def subscribed(url: str, channel: str) -> bool:
    import redis.asyncio

    async with redis.asyncio.from_url(url) as client:
        [[_, count]] = await client.pubsub_numsub(channel)
        # Ours is the other one.
        return bool(count > 1)


KINDS = {"write_only": write_only, "write_only_asyncio": write_only_asyncio, "flask": flask, "server": server}

if __name__ == "__main__":
    job = json.loads(sys.argv[1])
    print(json.dumps(KINDS[job["kind"]](job["url"], job["channel"], inward(job["calls"]))))
