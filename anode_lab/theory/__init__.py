"""The theorems, checked on trained networks."""
