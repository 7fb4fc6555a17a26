"""
What servers of a cluster write to each other, as bytes.
"""
