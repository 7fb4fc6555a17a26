"""
What the tests speak through: connections in memory and over TCP, requests, frames, and the servers at the other end.
"""
