"""
Several processes behind one listening socket: ``twistd socketio --workers=N``.
"""
