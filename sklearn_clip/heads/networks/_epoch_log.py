"""What a net prints while it trains, in a way that survives a replaced `print`."""

from skorch.callbacks import PrintLog


def write_line(text):
    """Print, by the `print` of this moment."""
    print(text)


class Verbosity:
    """Mixin of skorch's callbacks: `write_line` as sink heeds the net's ``verbose``.

    The callbacks know their default sink by its identity with `print`, and pickle it.
    Where a library has replaced the builtin (Ray Data does, for its progress bars), the
    one that skorch holds is no longer `print`: a silent net talks, and a fitted one
    cannot be pickled.
    """

    def _sink(self, text, verbose):
        if verbose or self.sink is not write_line:
            self.sink(text)


class EpochTable(Verbosity, PrintLog):
    """A line per epoch."""
