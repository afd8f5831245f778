"""Sphinx extensions of this book's site; they run inside the Sphinx process."""
