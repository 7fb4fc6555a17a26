"""
Tests of every limit through the whole stack: bytes in, bytes out, a real site, engine and server.
"""
