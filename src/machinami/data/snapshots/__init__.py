"""Snapshots (CIM 009 4.3.7, 5.16): copies of what queries found, on which the API works as on a broker of their own."""
