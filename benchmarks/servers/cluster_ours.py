"""
What txsocketio serves in the measurement of clusters: ``twistd socketio --namespaces=benchmarks.servers.cluster_ours``.
"""

from txsocketio import BaseNamespace


class Shouting(BaseNamespace):
    ns_name = "/"

    def on_shout(self, *args):
        self.server.emit("said", *args)
