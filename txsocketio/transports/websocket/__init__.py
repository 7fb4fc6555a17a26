"""
The WebSocket, on top of Autobahn.
"""
