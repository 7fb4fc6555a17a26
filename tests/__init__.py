"""
The tests of txsocketio; the directories mirror the package.
"""
