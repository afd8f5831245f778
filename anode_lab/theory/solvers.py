"""Solver settings of the measurements, which concern the exact flow and not the trained solver.

Every measurement is made in double precision, with a tolerance far below the one that the model was
trained with.
"""

from anode.solve import Method, SolverSettings

TIGHT = SolverSettings(rtol=1e-6, atol=1e-6, max_steps=10_000)
"""For trajectories: a thousandth of the tolerance that the toy models are trained with."""

TIGHTER = SolverSettings(rtol=1e-8, atol=1e-8, max_steps=10_000)
"""For flows that are differentiated: a difference quotient loses digits."""

TIGHTEST = SolverSettings(rtol=1e-9, atol=1e-9, max_steps=100_000)
"""For the times at which units switch."""

FIXED_STEPS = SolverSettings(method=Method.RK4, step_size=1 / 64)
"""Steps of one size, which carry a point to the same place whatever else is in its batch.

With adaptive steps, points that are solved in different batches differ by the solver's error, which
a strong stretch of the flow makes as large as the image itself.
"""

SHORT_STEPS = SolverSettings(method=Method.RK4, step_size=1 / 128)
"""Steps half as long as :data:`FIXED_STEPS`, for maps that must be homeomorphisms themselves.

They are, for fields with a Lipschitz constant below 128 log 2 = 88. Circles are solved far
more often; for them :data:`FIXED_STEPS` are accurate enough, at half the cost.
"""
