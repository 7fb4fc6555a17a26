from twisted.cred.credentials import UsernamePassword
from zope.interface import implementer

from accounts import Certified, IMember, IModerator, SessionCookie, portal
from txsocketio import BaseNamespace, ConnectionRefused, RoomsMixin, SocketIOServer


@implementer(IMember, IModerator)
class Members(RoomsMixin, BaseNamespace):
    def get_initial_acl(self):
        return []

    async def recv_connect(self):
        credentials = self.credentials()
        if credentials is None:
            raise ConnectionRefused("not authorized")
        await self.login(credentials, IMember)
        self.join("members")

    def on_say(self, text):
        self.emit_to_room("members", "said", self.avatar.name, text)
        return "ok"

    def on_kick(self, nick):
        for socket in self.server.sockets.values():
            if self.ns_name in socket and socket[self.ns_name].avatar.name == nick:
                socket[self.ns_name].disconnect()


class ByPayload(Members):
    def credentials(self):
        auth = self.auth if isinstance(self.auth, dict) else {}
        name, password = auth.get("name"), auth.get("password")
        if isinstance(name, str) and isinstance(password, str):
            return UsernamePassword(name.encode(), password.encode())


class ByCookie(Members):
    def credentials(self):
        value = self.request.getCookie(b"session")
        return value and SessionCookie(value)


class ByBasic(Members):
    def credentials(self):
        return UsernamePassword(self.request.getUser(), self.request.getPassword())


class ByCertificate(Members):
    def credentials(self):
        certificate = self.request.getPeerCertificate()
        return certificate and Certified(certificate)


namespaces = {"/payload": ByPayload, "/cookie": ByCookie, "/basic": ByBasic, "/certificate": ByCertificate}
server = SocketIOServer(namespaces, portal=portal)
