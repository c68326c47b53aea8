"""The titles at the left of axes, of which matplotlib hands out the strings alone."""


def left_titles(axes):
    from matplotlib.text import Text

    return [
        next(
            text
            for text in ax.get_children()
            if isinstance(text, Text) and text.get_text() == ax.get_title(loc="left")
        )
        for ax in axes
    ]
