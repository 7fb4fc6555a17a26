"""
The connection to Redis: made, watched, and made again.
"""
