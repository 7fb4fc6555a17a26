"""
Real clients against real servers over TCP: the table of clients, transports and scenarios, and a browser.
"""
