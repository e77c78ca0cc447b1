"""HTTP: the APIs and the console's JSON. Handlers turn a `Call` into an `Answer`; `asgi` speaks with the server."""
