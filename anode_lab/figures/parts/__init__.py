"""What the figures of several chapters share."""
