"""A table of rows and named columns, whatever it was read from."""

import re

from sklearn_clip._shared import clean_name, hint_at_name

# How pandas and polars call a column without a name: the index of a table that was
# saved with it, or an empty column of a sheet.
_NAMELESS = re.compile(r"(Unnamed: \d+(\.\d+)?|__UNNAMED__\d+)?")


class Table:
    """Cells by column, and where they stand.

    Attributes
    ----------
    name : str
        What errors call the table.
    unit : {"line", "row"}
        What the numbers of `rows` count.
    header : list of str
        Names of the columns, as they are compared.
    rows : list of tuple (int, list)
        Number of a row, and its cells by the position of their column: texts without
        white space around them, and in tables with types None where nothing stands and
        tuples where a list does.
    """

    name = "the table"
    unit = "line"

    @property
    def named(self):
        """Names of the columns that have one, in the order of the table."""
        return [name for name in self.header if not _NAMELESS.fullmatch(name)]

    def place(self, number):
        """Name a row in an error message."""
        return f"{self.name}, {self.unit} {number}"

    def holds_values(self, place):
        """Whether the cells of a column are values: neither lists nor records."""
        return True

    def find_column(self, column, parameter):
        """Position of a column.

        Parameters
        ----------
        column : str
            Its name.
        parameter : str
            The parameter that named it, for the error.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            If there is no such column.
        """
        name = clean_name(column)
        if name in self.header:
            return self.header.index(name)
        hint = self.hint_at_columns(name) or hint_at_name(name, self.header)
        raise ValueError(
            f"{parameter} must name a column of '{self.name}', which has "
            f"{', '.join(map(repr, self.header))}. Got {column!r}.{hint}"
        )

    def hint_at_columns(self, name):
        """Say why a column may not be found; empty if nothing is known."""
        return ""

    def _check_header(self, place):
        """Raise if two columns have names that look alike."""
        named = [column for column in self.header if column]
        if len(set(named)) < len(named):
            twice = next(column for column in named if named.count(column) > 1)
            raise ValueError(
                f"Columns must have distinct names. Got {twice!r} twice ({place})."
            )
