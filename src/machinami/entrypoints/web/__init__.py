"""The console's pages and static files: shells that fetch the JSON which `entrypoints.http` serves."""
