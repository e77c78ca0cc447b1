"""PostgreSQL: the town's one store, and the supervisor of the server that lives inside the data folder."""
