"""
The tests of the benchmarks, as far as they need neither peers nor a compiler.
"""
