"""
The same with python-socketio on aiohttp: ``python cluster_python.py PORT REDIS_URL``.
"""

import sys

import socketio
from aiohttp import web

sio = socketio.AsyncServer(async_mode="aiohttp", client_manager=socketio.AsyncRedisManager(sys.argv[2]))


@sio.event
async def shout(sid, *args):
    await sio.emit("said", args)


application = web.Application()
sio.attach(application)


async def ready(_):
    print("ready", flush=True)


application.on_startup.append(ready)
web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
