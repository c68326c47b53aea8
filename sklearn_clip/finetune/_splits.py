"""A tower in two: a part that is frozen, and what is trained behind it.

What the frozen part makes of an input never changes, so that it can be kept, and an
epoch run on the rest alone. Where the one ends and the other begins is not read off the
names of a model: one pass through the tower is watched. The code between its modules,
such as the sum with a table of positions, stays the tower's own.
"""

import contextlib

import torch
from torch import nn


class _Reached(Exception):
    """The frozen part is at its end, and with it the pass."""


class BlockSplit:
    """A split before a module all of whose weights are trained.

    Parameters
    ----------
    entry : Module
        The first such module of a pass; what goes into it is kept.
    skipped : list of tuple (Module, list of tuple (shape, dtype))
        The frozen modules before it, and what they gave, call by call: in a pass
        through the rest they give zeros of that form, which only `entry` would see.
    length : int or None
        Tokens of the texts of that pass, where the inputs are texts.
    """

    def __init__(self, entry, skipped, length):
        self._entry = entry
        self._length = length
        self._skipped = skipped
        self.frozen = [module for module, _ in skipped]

    def begin(self, run):
        """Run the frozen part.

        Parameters
        ----------
        run : callable
            Runs the whole tower on some inputs.

        Returns
        -------
        Tensor of shape (n, ...)
            What it makes of them.
        """
        found = []

        def take(module, args):
            found.append(args[0])
            raise _Reached

        # Left here, the pass casts no trained weight under autocast, which would keep
        # the cast, made without a gradient, for the pass that needs one.
        hook = self._entry.register_forward_pre_hook(take)
        with hook, torch.no_grad(), contextlib.suppress(_Reached):
            run()
        return found[0]

    def finish(self, run, halfway, length=None):
        """Run the rest.

        Parameters
        ----------
        run : callable
            Runs the whole tower on inputs of the right form.
        halfway : Tensor of shape (n, ...)
            From :meth:`begin`.
        length : int or None, default=None
            Tokens of the texts.

        Returns
        -------
        Tensor
            What `run` returns.
        """

        def give(module, args):
            return halfway, *args[1:]

        try:
            for module, outputs in self._skipped:
                forms = [
                    (self._stretch(shape, length), kind) for shape, kind in outputs
                ]
                module.forward = _Stub(module, forms, halfway)
            with self._entry.register_forward_pre_hook(give):
                return run()
        finally:
            for module, _ in self._skipped:
                vars(module).pop("forward", None)

    def _stretch(self, shape, length):
        """Give a shape the length of other texts."""
        if self._length is None or shape[:1] != (self._length,):
            return shape
        return length, *shape[1:]


class _Stub:
    """Stand in for the first calls of a module, of which only the form matters."""

    def __init__(self, module, outputs, halfway):
        self._forward = module.forward
        self._outputs = iter(outputs)
        self._halfway = halfway

    def __call__(self, *args, **kwargs):
        form = next(self._outputs, None)
        if form is None:
            return self._forward(*args, **kwargs)
        zero = torch.zeros((), dtype=form[1], device=self._halfway.device)
        return zero.expand(len(self._halfway), *form[0])


class ProjectionSplit:
    """A split before a projection that is a bare matrix of a module.

    Parameters
    ----------
    owner : Module
        Has the matrix, and gives what it is to be multiplied with where it is None.
    name : str
        Name of the matrix.
    frozen : list of Module
        The modules of the tower.
    """

    def __init__(self, owner, name, frozen):
        self._owner = owner
        self._name = name
        self.frozen = frozen

    def begin(self, run):
        """Run the frozen part; see `BlockSplit.begin`."""
        matrix = self._owner._parameters[self._name]
        try:
            self._owner._parameters[self._name] = None
            with torch.no_grad():
                return run()
        finally:
            self._owner._parameters[self._name] = matrix

    def finish(self, run, halfway, length=None):
        """Run the rest; see `BlockSplit.finish`."""
        return halfway @ self._owner._parameters[self._name]


class WholeSplit:
    """A tower of which nothing is trained: all of it is the frozen part.

    Parameters
    ----------
    frozen : list of Module
        The modules of the tower.
    """

    def __init__(self, frozen):
        self.frozen = frozen

    def begin(self, run):
        """Run the frozen part; see `BlockSplit.begin`."""
        with torch.no_grad():
            return run()

    def finish(self, run, halfway, length=None):
        """Run the rest; see `BlockSplit.finish`."""
        return halfway


class _Watch:
    """What is seen of one pass: the outermost frozen modules, until one is trained."""

    def __init__(self, n):
        self._n = n
        self._inside = None
        self.skipped = {}
        self.entry = None
        self.failed = False

    def enter(self, module, args):
        """Note that a module is called."""
        if self.entry is not None or self._inside is not None:
            return
        trained = [weight.requires_grad for weight in module.parameters()]
        if not any(trained):
            self._inside = module
        elif all(trained):
            self.entry = module
            self.failed |= not (args and self._is_batch(args[0]))

    def leave(self, module, args, output):
        """Note what a module gave."""
        if module is self._inside:
            self._inside = None
            # What is of no batch, such as a table of relative positions, is of no
            # input either: its module runs again.
            if self._is_batch(output):
                outputs = self.skipped.setdefault(module, [])
                outputs.append((tuple(output.shape[1:]), output.dtype))

    def _is_batch(self, value):
        return isinstance(value, torch.Tensor) and value.shape[:1] == (self._n,)


def find_split(tower, run, n, projection, length=None):
    """Find where the frozen part of a tower ends.

    Parameters
    ----------
    tower : dict of str to Module
        All modules of the tower, by name.
    run : callable
        Runs the tower on `n` inputs.
    n : int
        How many.
    projection : tuple of (Module, str)
        Where the tower's projection is, if it is a bare matrix.
    length : int or None, default=None
        Tokens of the inputs, where these are texts.

    Returns
    -------
    BlockSplit, ProjectionSplit, WholeSplit or None
        The split; None where nothing is frozen before what is trained, or it is not
        seen where it ends.
    """
    owner, name = projection
    matrix = getattr(owner, name, None)
    if isinstance(matrix, nn.Parameter) and matrix.requires_grad:
        others = [w for m in tower.values() for w in m.parameters() if w is not matrix]
        if not any(weight.requires_grad for weight in others):
            return ProjectionSplit(owner, name, list(tower.values()))
    elif not any(w.requires_grad for m in tower.values() for w in m.parameters()):
        return WholeSplit(list(tower.values()))
    watch = _Watch(n)
    with contextlib.ExitStack() as stack, torch.no_grad():
        for module in tower.values():
            stack.enter_context(module.register_forward_pre_hook(watch.enter))
            stack.enter_context(module.register_forward_hook(watch.leave))
        run()
    if watch.failed or watch.entry is None:
        return None
    skipped = list(watch.skipped.items())
    frozen = any(weight is not None for m, _ in skipped for weight in m.parameters())
    return BlockSplit(watch.entry, skipped, length) if frozen else None


def is_repeatable(split):
    """Whether a frozen part has no dropout, which makes it another one in every pass.

    Parameters
    ----------
    split : BlockSplit, ProjectionSplit or WholeSplit
        The split.

    Returns
    -------
    bool
        The answer.
    """
    shares = []
    for module in {inner for outer in split.frozen for inner in outer.modules()}:
        # By the names that torch, timm and open_clip give the share that is dropped.
        names = ("p",) if isinstance(module, nn.modules.dropout._DropoutNd) else ()
        for name in (*names, "drop_prob", "prob", "dropout"):
            shares.append(getattr(module, name, None))
    return not any(isinstance(share, float) and share > 0 for share in shares)
