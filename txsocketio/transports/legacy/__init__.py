"""
The transports of Socket.IO 0.9.
"""
