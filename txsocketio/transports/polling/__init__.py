"""
HTTP long polling: GETs that wait, POSTs that bring packets.
"""
