"""Machinami (街並み): an open-source City OS (都市OS)."""

__version__ = "0.1.0"
