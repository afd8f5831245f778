"""Measurements on models and trainings that are not theorems and not claims."""
