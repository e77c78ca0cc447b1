"""The command centre (ICCC): alarms, their rules and life cycle; incidents and procedures follow.

`command` reads committed changes and works only through the Protocols of each feature's `ports.py`.
"""
