"""
The ground that every layer stands on: options, clocks, deadlines, ids.
"""
