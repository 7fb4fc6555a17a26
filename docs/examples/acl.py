from zope.interface import Interface, implementer

from txsocketio import BaseNamespace, RoomsMixin


class IGuest(Interface):
    def on_knock(word):
        """Ask to be let in."""


class IMember(Interface):
    def on_say(text):
        """Say something to the room."""


class IModerator(Interface):
    def on_silence(nick):
        """Take somebody's voice away."""


@implementer(IGuest, IMember, IModerator)
class Club(RoomsMixin, BaseNamespace):
    ns_name = "/club"

    def get_initial_acl(self):
        return [IGuest]

    def recv_connect(self):
        self.session["nick"] = self.auth["nick"]
        self.join("club")

    def on_knock(self, word):
        if word == "friend":
            self.grant(IMember)
        elif word == "chairman":
            self.grant(IMember, IModerator)
        return self.is_method_allowed(IMember)

    def on_say(self, text):
        self.emit_to_room("club", "said", self.session["nick"], text)

    def on_silence(self, nick):
        for socket in self.server.sockets.values():
            if "/club" in socket and socket["/club"].session["nick"] == nick:
                socket["/club"].revoke(IMember)
