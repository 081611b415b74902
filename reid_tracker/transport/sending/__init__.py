"""Sending: stores messages on disk, then publishes them to the broker."""
