"""
Benchmarks of the server beside its peers: ``make bench`` and ``make bench-quick``; README.md says the rest.
"""
