"""
The fast path: polls and WebSocket handshakes that bypass most of twisted.web.
"""
