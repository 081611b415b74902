"""Receiving: decodes and checks messages, and drops copies."""
