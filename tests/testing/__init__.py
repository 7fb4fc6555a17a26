"""
The tests of the test kit.
"""
