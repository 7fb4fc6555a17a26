"""
The ways bytes come and go: long polling in its forms, and WebSocket.
"""
