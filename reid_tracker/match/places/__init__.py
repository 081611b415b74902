"""Where cameras are, and how people get from one to another."""
