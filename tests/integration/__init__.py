"""
Tests over real connections.
"""
