"""
Tell twistd and twist about the command ``socketio``; the module that carries it out is imported when it is asked for.
"""

from twisted.application.service import ServiceMaker

socketio = ServiceMaker(
    "txsocketio",
    "txsocketio.tap",
    "Serve Socket.IO namespaces to clients of every generation.",
    "socketio",
)
