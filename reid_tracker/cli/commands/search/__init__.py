"""`reid-track search`: where a person has been."""
