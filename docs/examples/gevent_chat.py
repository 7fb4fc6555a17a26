# Before: gevent-socketio 0.3 under Python 2.
import time

import gevent
from socketio import socketio_manage
from socketio.mixins import BroadcastMixin, RoomsMixin
from socketio.namespace import BaseNamespace
from socketio.server import SocketIOServer


class ChatNamespace(BaseNamespace, RoomsMixin, BroadcastMixin):
    def initialize(self):
        self.session["nick"] = "somebody"
        self.spawn(self.tell_the_time)

    def get_initial_acl(self):
        return {"recv_connect", "recv_disconnect", "on_nickname"}

    def exception_handler_decorator(self, fn):
        def wrapper(*args, **kwargs):
            try:
                return fn(*args, **kwargs)
            except LookupError as error:
                self.error("not_found", str(error))

        return wrapper

    def recv_disconnect(self):
        self.broadcast_event_not_me("announcement", self.session["nick"] + " has left")
        self.disconnect(silent=True)

    def on_nickname(self, nick):
        self.session["nick"] = nick
        self.add_acl_method("on_join")
        self.add_acl_method("on_say")
        self.add_acl_method("on_look_up")
        self.broadcast_event("announcement", nick + " is here")
        self.socket["/news"].emit("greeting", nick)
        return True, nick

    def on_join(self, room):
        self.join(room)

    def on_say(self, room, text):
        self.emit_to_room(room, "said", self.session["nick"], text)

    def on_look_up(self, word):
        gevent.sleep(1)
        return {"tea": "a drink"}[word]

    def tell_the_time(self):
        while True:
            gevent.sleep(60)
            self.emit("time", time.time())


class NewsNamespace(BaseNamespace):
    pass


def application(environ, start_response):
    if environ["PATH_INFO"].startswith("/socket.io"):
        socketio_manage(environ, {"/chat": ChatNamespace, "/news": NewsNamespace})


if __name__ == "__main__":
    SocketIOServer(("127.0.0.1", 8000), application, resource="socket.io").serve_forever()
