"""
Several processes behind the same listening sockets.
"""
