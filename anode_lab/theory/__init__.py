"""The theorems, checked on trained networks.

- ``trajectories``, ``flow_jacobian`` and ``injectivity`` measure a flow: how straight its paths
  are, how it stretches and orients space, and whether it is one-to-one.
- ``circle_image``, ``escape_curve`` and ``output_maps`` show what it does to the plane.
- ``lipschitz`` and ``gronwall`` bound how fast trajectories part.
- ``switching`` finds when states cross corners of ReLU fields, ``channel`` the room that samples
  leave a flow.
- ``enclosure`` contains the exact flow, rounding errors included.
- ``topology`` has what a homeomorphism keeps, with certificates: witnesses, winding and linking
  numbers, separating planes, and persistent homology.
"""
