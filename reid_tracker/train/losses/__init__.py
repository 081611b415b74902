"""Loss functions, and the modules that only training needs."""
