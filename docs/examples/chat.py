from twisted.internet import task

from txsocketio import BaseNamespace, BroadcastMixin, ConnectionRefused, RoomsMixin


class Chat(RoomsMixin, BroadcastMixin, BaseNamespace):
    ns_name = "/chat"

    async def recv_connect(self):
        nick = (self.auth or {}).get("nick", "anonymous")
        if not isinstance(nick, str) or len(nick) > 30:
            raise ConnectionRefused("that is no nickname", {"longest": 30})
        self.session["nick"] = nick
        self.join("lobby")

    def on_say(self, text):
        self.emit_to_room("lobby", "said", self.session["nick"], text)
        return "ok"

    def on_later(self, seconds):
        return task.deferLater(self.reactor, seconds, lambda: ("done", seconds))
