"""JMA disaster information XML (気象庁防災情報XMLフォーマット, jmaxml1): bytes in, typed telegrams out.

`telegram` reads, `model` is what is read, `grades` says how strong a warning is, `errors` the texts. Pure: no I/O.
"""
