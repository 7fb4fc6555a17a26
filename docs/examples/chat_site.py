from twisted.application import service, strports
from twisted.web.server import Site
from twisted.web.static import File

from chat import Chat
from txsocketio import SocketIOResource

root = File("htdocs")
root.putChild(b"socket.io", SocketIOResource({"/chat": Chat}))

application = service.Application("a site with a chat")
strports.service("tcp:8000:interface=127.0.0.1", Site(root)).setServiceParent(application)
