"""
The tests of the wire formats: captures of real clients, round trips, and whatever else may arrive.
"""
