"""Feeds: what public sources and simulators say becomes entities.

Everything here is pure: telegrams, snapshots and clocks in, `Entity` objects out. Fetching and storing are joined by
`bootstrap`. Whatever is replayed, simulated or a dated snapshot carries `label`.
"""
