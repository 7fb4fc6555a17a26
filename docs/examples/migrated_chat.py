# After: txsocketio, with `twistd -n socketio --namespaces=migrated_chat`.
from twisted.internet import task

from txsocketio.mixins import BroadcastMixin, RoomsMixin
from txsocketio.namespace import BaseNamespace


class ChatNamespace(BaseNamespace, RoomsMixin, BroadcastMixin):
    ns_name = "/chat"

    def initialize(self):
        self.session["nick"] = "somebody"
        self.spawn(self.tell_the_time)

    def get_initial_acl(self):
        return ["on_nickname"]

    def exception_handler_decorator(self, fn):
        def wrapper(*args, **kwargs):
            try:
                return fn(*args, **kwargs)
            except LookupError as error:
                self.error("not_found", str(error))

        return wrapper

    def recv_disconnect(self):
        self.broadcast_event_not_me("announcement", f"{self.session['nick']} has left")

    def on_nickname(self, nick):
        self.session["nick"] = nick
        self.grant("on_join", "on_say", "on_look_up")
        self.broadcast_event("announcement", f"{nick} is here")
        self.socket["/news"].emit("greeting", nick)
        return True, nick

    def on_join(self, room):
        self.join(room)

    def on_say(self, room, text):
        self.emit_to_room(room, "said", self.session["nick"], text)

    async def on_look_up(self, word):
        await task.deferLater(self.reactor, 1)
        return {"tea": "a drink"}[word]

    async def tell_the_time(self):
        while True:
            await task.deferLater(self.reactor, 60)
            self.emit("time", self.reactor.seconds())


class NewsNamespace(BaseNamespace):
    ns_name = "/news"
