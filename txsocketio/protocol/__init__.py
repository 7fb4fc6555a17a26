"""
The wire formats: pure functions and records, without clocks, loggers or sockets.
"""
