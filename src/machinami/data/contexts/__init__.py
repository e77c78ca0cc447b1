"""@context documents: built-in, preloaded, hosted and cached (CIM 009 5.13)."""
