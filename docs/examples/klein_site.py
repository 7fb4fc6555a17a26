from klein import Klein
from twisted.application import service, strports
from twisted.web.server import Site

from chat import Chat
from txsocketio import SocketIOResource

app = Klein()
sockets = SocketIOResource({"/chat": Chat})


@app.route("/")
def home(request):
    return "hello"


@app.route("/socket.io", branch=True)
@app.route("/socket.io/", branch=True)
def socketio(request):
    return sockets


application = service.Application("klein with a chat")
strports.service("tcp:8000:interface=127.0.0.1", Site(app.resource())).setServiceParent(application)
