"""
<<<<<<< HEAD
Tests of the transports.
=======
The tests of the transports.
>>>>>>> ws
"""
