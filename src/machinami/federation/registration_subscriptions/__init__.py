"""Subscriptions to registrations: who is told which context sources come, change and go (CIM 009 5.11)."""
