"""The stream of the usage table: keeps the sums of tenants up to date. Builds them anew, and
deletes what interrupted invocations left behind.
"""
