"""Pictures with the places where a fitted tagger saw a label."""

from typing import Any

import numpy as np
from scipy.special import logit

from sklearn_clip.plotting._axes import (
    BLUE,
    GREEN,
    GREY,
    VERMILLION,
    families,
    require_pyplot,
    short_name,
)
from sklearn_clip.plotting._heat import blend_regions, boxes_in_pictures
from sklearn_clip.plotting._heatmap_rows import (
    count_known,
    label_kinds,
    most_telling,
    read_all,
    read_labels,
    take_rows,
)
from sklearn_clip.plotting._inputs import (
    check_choice,
    check_count,
    choose_labels,
    predict_rows,
)
from sklearn_clip.plotting._pictures import (
    FONT,
    check_image_size,
    draw_picture,
    picture_grid,
    write_above,
    write_below,
)
from sklearn_clip.plotting._region_scores import RegionScorer

# What a label can be: its mark, its colour. The last two where truth is not known.
_KINDS = {
    "found": ("✓", GREEN),
    "missed": ("–", BLUE),
    "false": ("✗", VERMILLION),
    "predicted": ("▸", GREEN),
    "not given": ("·", GREY),
}
_REGIONS = ("2x2", "3x3", "pyramid", "tokens")
# Probabilities nearer to 0 or 1 say no more of a place.
_SUREST = 1e-6
_COLOURS, _OPACITY = "inferno", 0.6


class LabelHeatmapDisplay:
    r"""Pictures with the places where a fitted tagger saw a label.

    Every region of a picture is scored by the tagger in the place of the whole picture,
    the texts and other columns of its row kept. The map shows how much more a region
    has of a label than the row has as a whole: averages, where regions overlap. It is
    drawn over the grey picture, dark where there is least of the label and bright where
    there is most; below it stand the score of the row and those of its regions. Use
    `from_estimator` to make one; all parameters are stored as attributes.

    Parameters
    ----------
    images : list of length n_drawn of PIL.Image.Image
        The pictures, upright.
    labels : list of length n_drawn of list
        Names of the labels that are drawn for each picture.
    heatmaps : list of length n_drawn of ndarray of shape (n_labels, height, width)
        Log-odds (or decision values) of each place less those of the row, in the shape
        of the picture; NaN at places that the model does not see.
    scores : list of length n_drawn of ndarray of shape (n_labels,)
        Probabilities (or decision values) of the row.
    region_scores : list of length n_drawn of ndarray of shape (n_labels, n_regions)
        The same with the vector of the picture replaced by that of each region.
    boxes : ndarray of shape (n_drawn, n_regions, 4)
        Left, top, right and bottom of each region as shares of the width and height of
        the picture; below 0 and above 1 where a model fills the picture up.
    outcomes : list of length n_drawn of dict
        What each label is that is true or predicted: "found", "missed", "false", or
        "predicted" where it is not known whether it is true.
    titles : list of str or None, default=None
        What stands above each picture.

    Attributes
    ----------
    axes_ : ndarray of shape (n_drawn, 1 + most labels), dtype=object
        The axes of the picture and of its maps; without a frame where there is none.
    figure_ : matplotlib Figure
        The figure.
    texts_ : list of n_drawn list of list of matplotlib Text
        The lines below the picture and below each of its maps.

    See Also
    --------
    sklearn_clip.CLIPFeaturizer.encode_regions : The vectors of the regions.
    LabelGridDisplay : Pictures with their labels.

    Notes
    -----
    For a region r of the scores :math:`s_r` and a place x the map is

    .. math:: \frac{\sum_r k_r(x) (s_r - s)}{\sum_r k_r(x)},

    with the score s of the row, all as log-odds where they are probabilities, and a
    kernel :math:`k_r` of area 1: a Gaussian around the middle of the region, whose
    standard deviations are half of its width and height. So small regions count for
    more than large ones.

    What a map shows is what the tagger makes of a part, not what it would make of the
    picture without it; by how much blanking the hottest places lowers the score is in
    ``benchmarks/STUDIES.md``.

    Examples
    --------
    >>> from PIL import Image, ImageDraw
    >>> from sklearn_clip import CLIPFeaturizer, ZeroShotClassifier
    >>> from sklearn_clip.plotting import LabelHeatmapDisplay
    >>> picture = Image.new("RGB", (96, 96), "white")
    >>> ImageDraw.Draw(picture).ellipse((8, 8, 40, 40), fill="red")
    >>> clip = CLIPFeaturizer("clipart-tiny", text=None)
    >>> tagger = ZeroShotClassifier(["ball", "tree"], clip).fit()
    >>> display = LabelHeatmapDisplay.from_estimator(tagger, [picture], labels="ball")
    >>> display.heatmaps[0].shape
    (1, 96, 96)
    """

    def __init__(
        self,
        images,
        labels,
        heatmaps,
        *,
        scores,
        region_scores,
        boxes,
        outcomes,
        titles=None,
    ):
        self.images = images
        self.labels = labels
        self.heatmaps = heatmaps
        self.scores = scores
        self.region_scores = region_scores
        self.boxes = boxes
        self.outcomes = outcomes
        self.titles = titles

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        labels: Any = None,
        max_labels: Any = 3,
        rows=None,
        max_rows: Any = 8,
        regions="pyramid",
        label_names=None,
        ax=None,
        **kwargs,
    ):
        """Score the regions of pictures with a fitted tagger and draw where labels are.

        Parameters
        ----------
        estimator : estimator instance
            A fitted Pipeline with a :class:`~sklearn_clip.CLIPFeaturizer`, with or
            without `regions`, and any classifier behind it; a search or meta-estimator
            around one; or a :class:`~sklearn_clip.ZeroShotClassifier`.
        X : array-like of length n_samples
            Rows, as the estimator takes them. Of a row with several images the first
            one is drawn.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels) or \
                None, default=None
            0 and 1 or False and True; NaN where a label is unknown. None is not known.
        labels : str, int, sequence of these, or None, default=None
            Labels to draw, names or positions. None draws of each row the labels that
            are true or predicted, those of the highest scores first, and the one of the
            highest score where there are none.
        max_labels : int or None, default=3
            How many at most of each row where `labels` is None.
        rows : array-like of int or None, default=None
            Positions of the rows to draw, None for all.
        max_rows : int or None, default=8
            More rows are refused: each is scored once for every region.
        regions : {"2x2", "3x3", "pyramid", "tokens"}, default="pyramid"
            What is scored, as :meth:`~sklearn_clip.CLIPFeaturizer.encode_regions` has
            it, whatever the featurizer itself has.
        label_names : sequence of length n_labels or None, default=None
            Names. None takes the columns of `y`, else those of the fit, else numbers.
        ax : matplotlib Axes or None, default=None
            See `plot`.
        **kwargs : dict
            Handed on to `plot`.

        Returns
        -------
        LabelHeatmapDisplay
            The display.

        Raises
        ------
        TypeError
            If `estimator` holds no featurizer that could be taken out.
        ValueError
            If the featurizer reads no images, a row has none or one that cannot be
            read, there are too many rows, a label is unknown, a value is not among
            those named above, or the image tower has no places for ``"tokens"``.
        """
        require_pyplot(cls)
        check_choice(regions, "regions", _REGIONS)
        check_count(max_labels, "max_labels")
        check_count(max_rows, "max_rows")
        scorer = RegionScorer(estimator, regions)
        X, y, rows = take_rows(X, y, rows, max_rows)
        predicted = predict_rows(estimator, X, count_known(estimator, y, label_names))
        if hasattr(predicted, "toarray"):
            predicted = predicted.toarray()
        if np.ndim(predicted) == 1:  # of one label, of which nothing said so before
            predicted = np.reshape(predicted, (-1, 1))
        entries, names = read_labels(estimator, y, predicted, label_names)
        predicted = np.asarray(predicted).astype(bool)
        chosen = None if labels is None else choose_labels(labels, names)
        given, cells = scorer.find_cells(X)
        pictures, titles = read_all(scorer.featurizer, given, cells, rows)
        scored = scorer.score(X, given, cells, len(names))
        scores, region_scores, boxes, method = scored
        kinds = label_kinds(entries, predicted)
        display = cls(
            pictures,
            [],
            [],
            scores=[],
            region_scores=[],
            boxes=boxes_in_pictures(
                scorer.featurizer,
                regions,
                boxes,
                [picture.size for picture in pictures],
            ),
            outcomes=[],
            titles=titles,
        )
        for row, picture in enumerate(pictures):
            known = kinds[row] != ""
            drawn = chosen
            if chosen is None:
                drawn = most_telling(scores[row], known)[:max_labels]
            heat = _odds(region_scores[row].T, method)[drawn]
            heat -= _odds(scores[row], method)[drawn, None]
            display.labels.append(list(names[drawn]))
            display.heatmaps.append(
                blend_regions(heat, display.boxes[row], picture.size)
            )
            display.scores.append(scores[row, drawn])
            display.region_scores.append(region_scores[row].T[drawn])
            display.outcomes.append(
                {names[i]: str(kinds[row][i]) for i in np.flatnonzero(known)}
            )
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, *, max_names: Any = 6, image_size=1.8):
        """Draw the pictures and their maps.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes in whose place the grid is put; None makes a figure of fitting size.
        max_names : int or None, default=6
            Labels named below a picture, at most; None sets no limit.
        image_size : float, default=1.8
            Width and height of a picture in a new figure, in inches.

        Returns
        -------
        LabelHeatmapDisplay
            The display itself, with the attributes that describe the drawing.

        Raises
        ------
        ValueError
            If a number is not positive.
        """
        pyplot = require_pyplot(self)
        check_count(max_names, "max_names")
        check_image_size(image_size)
        n_maps = max(map(len, self.labels))
        n_lines = []
        for outcome in self.outcomes:
            named = len(outcome) if max_names is None else min(len(outcome), max_names)
            n_lines += [max(named, 2)] + [2] * n_maps
        titles = None
        if self.titles is not None:
            titles = [t for title in self.titles for t in (title, *[""] * n_maps)]
        self.figure_, grid, width = picture_grid(
            pyplot,
            ax,
            titles,
            n_lines=n_lines,
            gaps=[0.25] + [0.12] * (n_maps - 1),
            image_size=image_size,
            top=0.35,
        )
        self.axes_ = np.empty((len(self.images), 1 + n_maps), dtype=object)
        self.texts_ = []
        for place, image in enumerate(self.images):
            for column in range(1 + n_maps):
                cell = grid[3 * place + 1, 2 * column]
                self.axes_[place, column] = self.figure_.add_subplot(cell)
            first, *panels = self.axes_[place]
            draw_picture(first, image, width)
            if self.titles is not None:
                write_above(first, self.titles[place], width)
            below = [write_below(first, self._names(place, max_names, width))]
            for number, panel in enumerate(panels):
                if number >= len(self.labels[place]):
                    panel.set_axis_off()
                    continue
                draw_picture(panel, image.convert("L").convert("RGB"), width)
                _draw_heat(panel, self.heatmaps[place][number], image.size)
                below.append(write_below(panel, self._lines(place, number, width)))
            self.texts_.append(below)
        self._explain(ax)
        return self

    def _names(self, place, max_names, width):
        """Text and colour of the lines below a picture."""
        lines = [
            (f"{_KINDS[kind][0]} {short_name(name, width - 2)}", _KINDS[kind][1])
            for name, kind in self.outcomes[place].items()
        ]
        if max_names is not None and len(lines) > max_names:
            rest = len(lines) - max_names + 1
            lines[max_names - 1 :] = [(f"… {rest} more", GREY)]
        return lines or [("(no label)", GREY)]

    def _lines(self, place, number, width):
        """Text and colour of the lines below a map."""
        name = self.labels[place][number]
        kind = self.outcomes[place].get(name, "not given")
        mark, colour = _KINDS[kind]
        score = f" {self.scores[place][number]:.2f}"
        regions = self.region_scores[place][number]
        name = short_name(name, max(width - 2 - len(score), 4))
        spread = f"regions {regions.min():.2f} to {regions.max():.2f}"
        return [(f"{mark} {name}{score}", colour), (spread, GREY)]

    def _explain(self, ax):
        """Say what the marks mean, those that there are."""
        from matplotlib.lines import Line2D

        kinds = {kind for outcome in self.outcomes for kind in outcome.values()}
        for drawn, outcome in zip(self.labels, self.outcomes, strict=True):
            kinds |= {"not given"} if set(drawn) - set(outcome) else set()
        shown = {kind: style for kind, style in _KINDS.items() if kind in kinds}
        marks = [f"{mark} {kind}" for kind, (mark, _) in shown.items()]
        place = {"loc": "upper left", "bbox_to_anchor": (0, 1)}
        if ax is not None:
            place = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
        (self.figure_ if ax is None else ax).legend(
            [Line2D([], [], linestyle="") for _ in marks],
            marks,
            labelcolor=[colour for _, colour in shown.values()],
            prop={"family": families(*marks), "size": FONT + 1},
            handlelength=0,
            handletextpad=0.4,
            columnspacing=1.2,
            ncols=len(marks),
            frameon=False,
            **place,
        )


def _odds(scores, method):
    """Log-odds of probabilities; decision values as they are."""
    if method == "decision_function":
        return np.array(scores, dtype=np.float64)
    return logit(np.clip(scores, _SUREST, 1 - _SUREST))


def _draw_heat(ax, heat, size):
    """Lay a map over a picture that is drawn."""
    ax.imshow(
        np.ma.masked_invalid(heat),
        cmap=_COLOURS,
        alpha=_OPACITY,
        extent=(-0.5, size[0] - 0.5, size[1] - 0.5, -0.5),
        interpolation="bilinear",
    )
