from klein import Klein

from docs.examples.chat import Chat
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
