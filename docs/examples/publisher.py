import sys
from typing import Any

from twisted.internet.task import react

from txsocketio.redis import RedisEmitter


async def main(reactor: Any, url: str, text: str) -> None:
    emitter = RedisEmitter(url)
    # Fires when Redis has taken it, with the number of servers that got it.
    await emitter.of("/chat").to("lobby").emit("said", text)
    await emitter.close()


if __name__ == "__main__":
    react(main, sys.argv[1:])
