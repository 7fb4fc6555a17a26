"""
The programs that the documentation shows; the tests run each of them.
"""
