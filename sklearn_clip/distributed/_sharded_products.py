"""What the solver needs of all rows, added up over the actors that hold them."""

from contextlib import nullcontext

import numpy as np

from sklearn_clip.distributed._shards import Block, Point
from sklearn_clip.heads.linear._evaluation import Evaluation, HessianWeights
from sklearn_clip.heads.linear._label_data import LabelSums


class Shards:
    """The actors, all asked the same at once.

    Parameters
    ----------
    actors : list of ray.actor.ActorHandle
        Each a `FeatureShard`.
    parts : list of ray.data.Dataset
        The rows of each.
    """

    def __init__(self, actors, parts):
        import ray

        rows = [[ray.put(part)] for part in parts]
        self._actors = list(zip(actors, rows, strict=True))

    def ask(self, method, *arguments):
        """Call a method of all actors.

        Parameters
        ----------
        method : str
            Its name.
        *arguments
            Of the method; they are sent to every machine once.

        Returns
        -------
        list
            Their answers, in order.

        Raises
        ------
        ValueError, TypeError
            What an actor has raised.
        """
        import ray

        sent = [ray.put(argument) for argument in arguments]
        answers = [
            actor.run.remote(rows, method, *sent) for actor, rows in self._actors
        ]
        try:
            return ray.get(answers)
        except ray.exceptions.RayTaskError as exc:
            if isinstance(exc.cause, TypeError | ValueError):
                raise exc.cause from None
            raise

    def drop_empty(self, summaries):
        """Leave out the actors without rows; return the others' summaries."""
        some = [place for place, found in enumerate(summaries) if found is not None]
        self._actors = [self._actors[place] for place in some]
        return [summaries[place] for place in some]


class ShardedLabels(LabelSums):
    """Frequencies of the labels over all shards, and their blocks.

    Parameters
    ----------
    counts : list of (n_entries, sums, all_known)
        What `FeatureShard.count` says.
    class_weight : None, "balanced", dict or list of dict
        As the head takes it.
    even_rows : bool
        Whether all rows have the weight 1.
    """

    def __init__(self, counts, class_weight, *, even_rows):
        n_entries, sums = (sum(count[place] for count in counts) for place in (0, 1))
        classes, n_labels = np.array([0, 1]), sums.shape[1]
        super().__init__(n_entries, sums, class_weight, classes, n_labels, even_rows)
        self._all_known = all(all_known for *_, all_known in counts)

    def block(self, columns):
        """Take some columns for the solver, see `LabelData`."""
        ratio, scale = self.weigh(columns)
        return Block(columns, ratio, self._all_known and ratio is None), scale


class ShardedProducts:
    """Passes over the rows of all shards, as `NumpyPasses` makes them over its own.

    Parameters
    ----------
    shards : Shards
        Who has the rows.
    summaries : list of Summary
        What each of them has.
    labels : Labels
        Numbers of the labels.
    """

    def __init__(self, shards, summaries, labels):
        self._shards, self._labels = shards, labels
        counts = np.array([found.n_samples for found in summaries])
        self.n_samples, self.n_features = int(counts.sum()), summaries[0].n_features
        self.n_stored = self.n_samples * self.n_features
        self.dtype = np.result_type(*(found.dtype for found in summaries))
        self.eps = float(max(np.finfo(found.dtype).eps for found in summaries))
        self.sum = np.sum([found.sum for found in summaries], axis=0)
        self.mean = self.sum / self.n_samples
        squares = [found.mean_square for found in summaries]
        self.mean_square = float(counts @ squares) / self.n_samples
        # The rows of a shard are as far from the mean of all as from their own, and
        # that from it, at most.
        self.reach = max(
            found.reach + float(np.linalg.norm(found.sum / count - self.mean))
            for found, count in zip(summaries, counts, strict=True)
        )

    @staticmethod
    def working(n_columns):
        """Do nothing: every actor shares its work by itself."""
        return nullcontext()

    def put(self, array):
        """Bring an array to the precision of the features."""
        return np.asarray(array, dtype=self.dtype)

    def host(self, array):
        """Bring an array to float64."""
        return np.asarray(array, dtype=np.float64)

    def gram_image(self, test, mean):
        """Compute ``X.T (X - mean) test``; None is the identity."""
        return sum(self._shards.ask("gram_image", test, mean))

    def sum_of_positives(self, targets):
        """Compute ``X.T (s y)`` and the sums of ``s y``, in float64."""
        return _add(self._shards.ask("sum_of_positives", self._labels, targets))

    def evaluate(self, coef, intercept, targets, **options):
        """Compute the loss, its slope and its curvature; weights stay at the actors."""
        import ray

        at = [ray.put(Point(coef, intercept, targets, options))]
        found = self._shards.ask("evaluate", self._labels, at)
        sums = _add(found)
        largest = np.max([one.largest for one in found], axis=0)
        return Evaluation(*sums)._replace(largest=largest, D=HessianWeights(at))

    def curve(self, Q, q, D, *, double=False):
        """Compute ``X.T t`` and the sum of t for ``t = D (X Q + q)``, by columns."""
        return _add(self._shards.ask("curve", self._labels, Q, q, D, double))

    def span(self, Q, q, targets=None):
        """Largest and least ``X Q + q`` over rows, times ``2 y - 1`` with targets."""
        found = self._shards.ask("span", self._labels, Q, q, targets)
        most, least = zip(*found, strict=True)
        return np.max(most, axis=0), np.min(least, axis=0)


def _add(found):
    """Add up the parts of all answers; of None None."""
    return [None if part[0] is None else sum(part) for part in zip(*found, strict=True)]
