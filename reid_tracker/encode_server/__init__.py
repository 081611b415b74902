"""The encoder as an HTTP server, for callers in other languages."""
