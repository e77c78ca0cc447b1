"""Codecs of published formats: bytes or JSON in, kernel types out, and back. No I/O, no clock."""
