"""The service in memory, for tests of those who use it: the functions as they are, on parts that keep all in memory.

The wheel of the client has a copy of it (sdk/hatch_build.py); `millicent.testing` is how one uses it.
"""
