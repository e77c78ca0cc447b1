"""Alarms: what people work on. The Alert entity is what a source said; the alarm is the duty that follows from it.

`model` (frozen data), `rules` (the pure state machine), `conditions` and `rule_files` (which observation raises what),
`ports` (what the store must do), `service` (use cases), `presentation` (rows for the console), `errors` (texts).
"""
