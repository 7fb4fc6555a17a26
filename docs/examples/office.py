from zope.interface import implementer

from accounts import IModerator
from members import ByPayload
from txsocketio import BaseNamespace, ConnectionRefused


class Hall(ByPayload):
    ns_name = "/hall"


@implementer(IModerator)
class Office(BaseNamespace):
    ns_name = "/office"

    def get_initial_acl(self):
        return []

    def recv_connect(self):
        if "/hall" not in self.socket:
            raise ConnectionRefused("enter the hall first")
        self.socket["/hall"].share_avatar(self)

    def on_kick(self, nick):
        return f"{self.avatar.name} kicks {nick}"
