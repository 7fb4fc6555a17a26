"""
A client that means harm.
"""
