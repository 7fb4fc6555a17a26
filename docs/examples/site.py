from twisted.application import service, strports
from twisted.web.resource import Resource
from twisted.web.server import Site

from docs.examples.chat import Chat
from txsocketio import SocketIOResource

root = Resource()
root.putChild(b"socket.io", SocketIOResource({"/chat": Chat}))

application = service.Application("a site with a chat")
strports.service("tcp:8000:interface=127.0.0.1", Site(root)).setServiceParent(application)
