"""
Fuzzing: every decoder, and the pairs of ways that must do the same, under mutated input. See docs/project/watching.rst.
"""
