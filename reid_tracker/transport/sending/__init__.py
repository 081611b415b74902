"""Sending: messages go to the disk first, then to the broker."""
