"""
Engine.IO sessions: packets meet state, without a word of HTTP.
"""
