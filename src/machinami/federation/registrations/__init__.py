"""Context source registrations: who outside may know what, and which of them an operation concerns (CIM 009 5.9-5.12)."""
