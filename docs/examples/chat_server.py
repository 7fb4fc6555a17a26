from twisted.application import service
from twisted.application.internet import TimerService

from chat import Chat
from txsocketio import SocketIOServer

server = SocketIOServer({"/chat": Chat}, ping_interval=20, cors_allowed_origins=["https://example.org"])

application = service.Application("a chat with news")
server.service("tcp:8000:interface=127.0.0.1", "unix:chat.socket").setServiceParent(application)
TimerService(1, lambda: server.emit("news", 1, namespace="/chat", room="lobby")).setServiceParent(application)
