"""What is measured of a training or a flow."""
