"""
Requests and their answers, whatever transport they are for.
"""
