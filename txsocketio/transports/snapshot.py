"""
The former place of HandshakeRequest, for imports written before it moved to transports.http.snapshot.
"""

from txsocketio.transports.http.snapshot import HandshakeRequest, peer_certificate

__all__ = ["HandshakeRequest", "peer_certificate"]
