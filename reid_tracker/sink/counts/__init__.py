"""Counts of people: who crossed which line, who was how long in which zone."""
