"""
Clusters over Redis or Valkey: the wire formats of the JavaScript and Python servers, the link, publishers.

Needs the extra ``redis``. Importing this installs no reactor: what does is imported when a link starts.
"""

from importlib.util import find_spec

if find_spec("msgpack") is None:
    raise ImportError("txsocketio.redis needs msgpack: pip install txsocketio[redis]", name="msgpack")

from txsocketio.redis.adapter import RedisAdapter
from txsocketio.redis.emitter import RedisEmitter
from txsocketio.redis.link.link import LinkLimits

__all__ = ["LinkLimits", "RedisAdapter", "RedisEmitter"]
