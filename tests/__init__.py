"""
The tests of txsocketio, one module for each of the library's.
"""
