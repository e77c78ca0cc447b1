"""Tenants that come to be with the first thing created in them (CIM 009 4.14, 5.5.10)."""
