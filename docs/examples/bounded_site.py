from twisted.application import service, strports
from twisted.web.resource import Resource

from chat import Chat
from txsocketio import SocketIOServer
from txsocketio.transports.http.site import BoundedSite

resource = SocketIOServer({"/chat": Chat}).resource()
root = Resource()
root.putChild(b"socket.io", resource)
site = BoundedSite(root, body_limit=1_000_000, bounded_path=b"/socket.io", engine=resource)

application = service.Application("a site that refuses big bodies")
strports.service("tcp:8000:interface=127.0.0.1", site).setServiceParent(application)
