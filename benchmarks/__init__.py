"""Speed of this package beside its peers, measured side by side in one run."""
