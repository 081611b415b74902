"""Counts of people: crossings of lines, and time spent in zones."""
