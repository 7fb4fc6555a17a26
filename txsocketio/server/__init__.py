"""
The server put together: namespaces over an engine over transports, and the services that listen for it.
"""
