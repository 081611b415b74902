"""Receiving: messages are decoded and checked, and copies are dropped."""
