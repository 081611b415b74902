"""The gallery in one SQLite file, searched exactly in memory."""
