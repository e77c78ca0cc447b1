"""Joins ports to adapters; nothing else does."""
