"""
The core: namespaces, the handlers of their events, and whom something is for; without a word of transports.
"""
