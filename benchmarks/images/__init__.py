"""A training step on images: this package, the paper's way, and the convolutions alone."""
