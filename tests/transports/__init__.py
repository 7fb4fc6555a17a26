"""
Tests of the transports.
"""
