"""
A cluster over Redis: what servers tell and ask each other.
"""
