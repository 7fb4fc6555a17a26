from twisted.internet.defer import Deferred

from txsocketio import BaseNamespace, RoomsMixin, SocketIOServer
from txsocketio.errors import AdapterError
from txsocketio.redis import RedisAdapter


class Chat(RoomsMixin, BaseNamespace):
    ns_name = "/chat"

    def on_enter(self, room: str) -> None:
        self.join(room)

    def on_say(self, room: str, text: str) -> None:
        # To this server's clients at once, to those of the others over Redis.
        self.to(room).emit("said", text)

    async def on_count(self) -> list[int | bool]:
        try:
            return [len(await self.server.of("/chat").fetch_sockets()), True]
        except AdapterError as error:
            # Redis is away, or another server doesn't answer: these are the clients that are known of.
            return [len(error.answers), False]


def make_server(url: str) -> SocketIOServer:
    return SocketIOServer({"/chat": Chat}, adapter=RedisAdapter(url))


def healthy(server: SocketIOServer) -> bool:
    return server.adapter_state.status == "up"


def tell_the_others(server: SocketIOServer) -> Deferred[list[str]]:
    # Each of the others answers with what its own on("reload", ...) returns.
    return server.of("/chat").timeout(2).server_side_call("reload", "prices")
