"""Messages on their way in: decoded, checked, duplicates dropped."""
