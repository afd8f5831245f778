"""A training as a task, its record, and where it is run."""
