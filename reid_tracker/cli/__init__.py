"""The command line, `reid-track`."""
