"""The OpenAPI 3.1 description of the APIs, made from the routes themselves."""
