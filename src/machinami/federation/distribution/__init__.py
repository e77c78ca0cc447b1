"""Distributed operations: one request served by this broker and registered context sources together (CIM 009 4.3.6)."""
