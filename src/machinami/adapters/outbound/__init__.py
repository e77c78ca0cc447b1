"""All outgoing sockets of Machinami; a lint rule forbids HTTP clients elsewhere (trust-N16)."""
