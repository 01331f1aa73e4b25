"""Piecewise-linear torch modules read by running them: points go through as a batch, with rows inserted where it bends.

A module of any structure is called once on a batch whose rows are points of a line, of a plane, of whatever has neighbours.
:class:`~relucvx.network.running.module.RunningModule` opens a module and runs it, :mod:`~relucvx.network.running.rows` holds
the batch, and the invariant is: *between neighbouring rows every tensor of the forward pass so far is linear.*
:mod:`~relucvx.network.running.kinks` keeps it at the operations that bend (ReLU, clamp, maxima, ...): which rows are
neighbours, and where between them something crosses, is asked of a :class:`~relucvx.network.running.rows.Geometry`, which
is the caller's. What it answers are :class:`~relucvx.network.running.rows.Insertion` objects, new rows as interpolations of old
ones; every tensor that is used later is brought up to date by the same interpolation.
:mod:`~relucvx.network.running.operations` knows which other operations are affine, and names those that are not.

How to use it for a geometry of your own::

    class Mine:                                        # a Geometry
        rows = 3                                       # rows of the batch now
        def walls(self, values, errors, pieces): ...   # (rows, pieces * n): where columns cross zero
        def winners(self, values, errors, table): ...  # (rows, L), (m, k): where the largest of each window changes

    opened = RunningModule.of(module, input_shape, like)   # names here what cannot be followed
    opened.run(points, Mine())                               # points of shape (rows, d): calls walls and winners in turn

Values are float64 throughout, whatever the module's. ``errors`` bounds how much of a value is rounding; it comes from a few
rows of random perturbations that go through the same operations.
"""
