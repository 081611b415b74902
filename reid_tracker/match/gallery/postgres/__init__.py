"""Stores the gallery in PostgreSQL with pgvector, for several machines. Open `store` first."""
