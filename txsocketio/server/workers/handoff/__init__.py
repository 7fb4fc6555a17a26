"""
How a connection moves to the worker whose session it is for.
"""
