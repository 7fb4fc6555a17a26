"""
Soaking: clients of every kind for a long time, and what becomes of the servers. See docs/project/watching.rst.
"""
