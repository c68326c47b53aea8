"""Names that look alike: one label, one file, in several spellings."""

import difflib
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote

from sklearn_clip._shared._cells import is_missing, shown
from sklearn_clip._shared._warnings import warn_user

# Signs without width that change no letter: soft hyphen, zero width space, marks of
# the direction, word joiner, byte order mark.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)
# Joiners shape the letters around them (Persian, Hindi) and make one emoji of several:
# at the ends of a name there is nothing to join.
_ENDS = re.compile("^[\\s\u200c\u200d]+|[\\s\u200c\u200d]+$")
_VARIANTS = re.compile("[\u200c\u200d\ufe00-\ufe0f]")
_SHOWN = 3
# Share of letters that a slip of the pen leaves in order: 'bycicle' has 0.71 of
# 'bicycle', 'dog' 0.67 of 'fog'.
_ALIKE = 0.7


def clean_name(name):
    """Spell a name in the one way of all that look like it.

    Letters with marks are composed (NFC), signs that do not show are left out, and
    white space of any kind and length is one blank. Case and width are kept.

    Parameters
    ----------
    name : object
        A name; what is no str is given back.

    Returns
    -------
    object
        The name as it is compared.
    """
    if not isinstance(name, str):
        return name
    if not name.isascii():
        # Composed last: a sign left out may have parted a letter from its accent.
        name = unicodedata.normalize("NFC", _INVISIBLE.sub("", name))
        name = _ENDS.sub("", name)
    return " ".join(name.split())


def first_difference(columns, names):
    """Find the first column of a table that is not the label in its place.

    Numbers from 0 on in their order, as ``DataFrame(array)`` has, are no names, but
    beside a table that has the same in another order.

    Parameters
    ----------
    columns, names : sequence of hashable, or None
        Names of the columns, and of the labels. None is no names.

    Returns
    -------
    int or None
        Its place; None if the columns are the labels, in their order.
    """
    if columns is None or names is None:
        return None
    spelled, wanted = list(map(clean_name, columns)), list(map(clean_name, names))
    counted = any(list(given) == list(range(len(given))) for given in (columns, names))
    if counted and set(spelled) != set(wanted):
        return None
    same = [_is_same(*pair) for pair in zip(spelled, wanted, strict=False)]
    at = [*same, False].index(False)
    return None if at == max(len(spelled), len(wanted)) else at


def _is_same(name, other):
    """Compare two names; NaN is itself, also where it was saved and loaded, and NA."""
    if is_missing(name) or is_missing(other):
        return is_missing(name) and is_missing(other)
    return name is other or name == other


def unify_names(names, *, chosen=False):
    """Give names that look alike one spelling, and tell of those that had several.

    Names that differ in case or width alone stay apart.

    Parameters
    ----------
    names : iterable of hashable
        Names of labels, as they were written.
    chosen : bool, default=False
        Whether a user has listed the labels; else it is told, too, which of them differ
        in case or width alone.

    Returns
    -------
    dict
        The one spelling of each name.
    """
    cleaned = {name: clean_name(name) for name in names}
    spellings, cases = {}, {}
    for name, clean in cleaned.items():
        if isinstance(name, str):
            spellings.setdefault(clean, set()).add(name.strip())
            cases.setdefault(_loose_name(clean), set()).add(clean)
    # As ASCII: what looks alike must be told apart here.
    merged = [
        f"{clean!r} ({', '.join(map(ascii, sorted(found)))})"
        for clean, found in sorted(spellings.items())
        if len(found) > 1
    ]
    if merged:
        warn_user(
            "Labels that look alike are one label. Got several spellings of "
            f"{_name_some(merged)}."
        )
    apart = [
        " and ".join(map(repr, sorted(found)))
        for _, found in sorted(cases.items())
        if len(found) > 1 and not chosen
    ]
    if apart:
        warn_user(
            "Labels that differ in case or width alone are several labels. Got "
            f"{_name_some(apart)}. If they are one, write them alike."
        )
    return cleaned


def tell_of_left_out(left_out, names):
    """Warn of labels that are left out and look almost like one that is kept.

    Parameters
    ----------
    left_out : iterable of str
        Labels that are there and not asked for.
    names : iterable of str
        Labels that are.
    """
    kept = {_loose_name(name): name for name in names}
    almost = [
        f"{name!r} beside {kept[_loose_name(name)]!r}"
        for name in sorted(left_out)
        if _loose_name(name) in kept
    ]
    if almost:
        warn_user(
            "Labels are left out that differ in case or width alone from one of "
            f"classes. Got {_name_some(almost)}. If they are one, write them alike."
        )


def _name_some(texts):
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def hint_at_name(name, names):
    """Ask whether another name was meant.

    Parameters
    ----------
    name : object
        One that is not among `names`.
    names : iterable
        Those that there are.

    Returns
    -------
    str
        A sentence with a blank before it about the one that differs in case, width or
        signs that do not show alone, or else in a few letters; empty if none does.
    """
    loose, others = _loose_name(name), {}
    for other in names:
        others.setdefault(_loose_name(other), other)
    if loose not in others and isinstance(loose, str):
        words = [other for other in others if isinstance(other, str)]
        near = difflib.get_close_matches(loose, words, n=1, cutoff=_ALIKE)
        loose = near[0] if near else loose
    return f" Is {others[loose]!r} meant?" if loose in others else ""


def _loose_name(name):
    """Spell names alike that differ in case, width or the look of an emoji."""
    if not isinstance(name, str):
        return name
    folded = unicodedata.normalize("NFKC", clean_name(name)).casefold()
    return _VARIANTS.sub("", folded)


def respell_keys(mapping, names):
    """Write the keys of a dict as the names they look like.

    Parameters
    ----------
    mapping : Mapping
        One value per name, perhaps.
    names : iterable of hashable
        The names.

    Returns
    -------
    dict
        The same values; keys that look like no name stay, and so do those with blanks
        around them, which are more likely a slip.

    Raises
    ------
    ValueError
        If two keys look like one name.
    """
    spelled = {clean_name(name): name for name in names}
    found = {}
    for key, value in mapping.items():
        slip = isinstance(key, str) and key != key.strip()
        name = key if slip else spelled.get(clean_name(key), key)
        if name in found:
            raise ValueError(
                f"Labels must be named once. Got {name!r} twice in a dict."
            )
        found[name] = value
    return found


def in_given_order(values, what, of="names"):
    """List what stands for columns or rows by its place.

    Parameters
    ----------
    values : iterable
        Names, or paths.
    what : str
        Name of the parameter, for the error.
    of : str, default="names"
        What they are.

    Returns
    -------
    list
        The same, in their order.

    Raises
    ------
    TypeError
        If they are one text, or a set, which has another order in every process; or
        no list at all.
    """
    unordered = isinstance(values, str | bytes | set | frozenset)
    if unordered or not isinstance(values, Iterable):
        raise TypeError(
            f"{what} must be a list of {of}, in their order. Got {shown(values)}."
        )
    return list(values)


def refuse_other_order(names, table_names):
    """Refuse names for the columns of a table that are those of other columns.

    Parameters
    ----------
    names : sequence
        Names that were given.
    table_names : sequence or None
        Names of the columns themselves; None, and numbers from 0 on, are none.

    Raises
    ------
    ValueError
        If a column is called as one that is given another place.
    """
    if table_names is None or list(table_names) == list(range(len(table_names))):
        return
    given = {clean_name(name) for name in names}
    for place, (name, column) in enumerate(zip(names, table_names, strict=False)):
        own = clean_name(column)
        if not _is_same(own, clean_name(name)) and own in given:
            raise ValueError(
                f"label_names must name the columns in their order. Got {shown(name)} "
                f"for {shown(column)} (column {place}). Take the columns by name, as "
                "Y[label_names] does, or leave label_names out."
            )


def path_readings(path):
    """Read a path as it is written, and as other systems write it.

    Parameters
    ----------
    path : str
        The path.

    Returns
    -------
    list of str
        The path itself; with slashes for backslashes, as Windows parts folders; with
        the letters that percent signs encode in addresses; and both. Only what differs.
    """
    if "%" not in path and "\\" not in path:
        return [path]
    forms = (path, decode_percent(path))
    readings = (text for form in forms for text in (form, form.replace("\\", "/")))
    return list(dict.fromkeys(readings))


def decode_percent(text):
    """Put the letters in place that percent signs encode, as ``%20`` a blank."""
    if "%" not in text:
        return text
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:  # made before addresses were UTF-8
        decoded = unquote(text, encoding="latin-1")
    return text if "\0" in decoded else decoded
