"""Entry points: how requests, commands and pages come in (HTTP, web pages, command line, worker)."""
