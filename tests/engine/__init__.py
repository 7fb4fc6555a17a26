"""
The engine against transports and clocks that the tests drive by hand.
"""
