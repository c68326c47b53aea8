"""Captions, keywords and labels from the metadata of one Open Clip Art drawing."""

import contextlib
import html
import re

from sklearn_clip.datasets import _vocabulary

_RDF = re.compile(r"<(?:\w+:)?RDF\b.*?</(?:\w+:)?RDF>", re.DOTALL)
_TITLE = re.compile(r"<(?:cc:)?Work.*?<dc:title[^>]*>(.*?)</dc:title>", re.DOTALL)
_DESCRIPTION = re.compile(r"<dc:description[^>]*>(.*?)</dc:description>", re.DOTALL)
_CREATOR = re.compile(
    r"<dc:creator>.*?<dc:title[^>]*>(.*?)</dc:title>.*?</dc:creator>", re.DOTALL
)
_SUBJECT = re.compile(r"<dc:subject>(.*?)</dc:subject>", re.DOTALL)
_ITEM = re.compile(r"<rdf:li[^>]*>(.*?)</rdf:li>", re.DOTALL)
_LINKED = re.compile(r"""<(?:svg:)?image\b[^>]*href=["'](?!data:|#)""")
_EMAIL = re.compile(r"\((e-?mail)?[\s:]*\S+@\S+\)")

# Titles and descriptions that name a collection, an author or a tool.
_COLLECTION = re.compile(
    r"^part of|collection|^clipart by|icon[ -]?(theme|set)|[ -]theme$|^etiquette icons"
    r"|^various|^aiga_|^svg |^advertising$|^people$|^card$|^sallite$|^r16|^road signs$"
    r"|^map symbols$|cliparts?$|^australian maps$|^dino$|^simple arrows$|^untitled",
    re.IGNORECASE,
)
_ABOUT_THE_FILE = re.compile(
    r"@|http|hash\(|www\.|contact|inkscape|sodipodi|trace|created?\b|vectori[sz]|svg"
    r"|gradien|converted|drawn|this image|author|licen[cs]e|public domain|collection"
    r"|data from|clip ?art",
    re.IGNORECASE,
)
# "This is a nice detailed image of ..." says nothing.
_FILLER = re.compile(
    r"^(this is|here is|it is)?\s*(an?|the|some)?\s*((nice|normal|standard|simple|basic"
    r"|detailed|generic)\s+)*(image|picture|drawing|illustration|icon|symbol)?"
    r"(\s+of\s+(an?\s+|the\s+)?)?",
    re.IGNORECASE,
)
_SUITS = {"c": "clubs", "d": "diamonds", "h": "hearts", "s": "spades"}
_RANKS = {"a": "ace", "j": "jack", "q": "queen", "k": "king"}
# Words in which the captions of one drawing in several makes differ.
_VARIANT_WORDS = """
a alt an and b big black blue brown bw color colored colour coloured down gray green
grey icon in left new of old on orange pink purple red right simple small style
symbol the up version w white with yellow
"""
_VARIANT = frozenset(_VARIANT_WORDS.split())


def read_metadata(svg_text):
    """Read title, description, creator and keywords from the RDF block of an SVG.

    Parameters
    ----------
    svg_text : str
        The whole SVG file.

    Returns
    -------
    dict
        ``title``, ``description``, ``creator`` (str, empty where absent) and
        ``keywords`` (list of str, lower case, cleaned, without repeats).
    """
    block = _RDF.search(svg_text)
    rdf = block.group(0) if block else ""

    def first(pattern):
        found = pattern.search(rdf)
        # Some files are escaped twice.
        text = html.unescape(html.unescape(found.group(1))) if found else ""
        text = _EMAIL.sub(" ", _mend_encoding(text))
        return " ".join(re.sub(r"<[^>]*>", " ", text).split())

    subject = _SUBJECT.search(rdf)
    items = _ITEM.findall(subject.group(1)) if subject else []
    keywords = [clean_keyword(html.unescape(item)) for item in items]
    return {
        "title": first(_TITLE),
        "description": first(_DESCRIPTION),
        "creator": first(_CREATOR),
        "keywords": list(dict.fromkeys(word for word in keywords if word)),
    }


def has_linked_image(svg_text):
    """Whether an SVG refers to another file, in whose place an error was drawn."""
    return _LINKED.search(svg_text) is not None


def _mend_encoding(text):
    """Undo UTF-8 that was read as Latin-1; leave out control characters."""
    # An error means other characters, or single Latin-1 letters: it was read rightly.
    with contextlib.suppress(UnicodeError):
        text = text.encode("latin-1").decode("utf-8")
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text)


def clean_keyword(keyword):
    """Lower-case a keyword; empty if it is a stringified reference or not a word."""
    keyword = " ".join(keyword.lower().replace("_", " ").split())
    if "hash" in keyword or "0x" in keyword or "@" in keyword or "www" in keyword:
        return ""
    return keyword if re.search(r"[a-z]{2}", keyword) and len(keyword) <= 30 else ""


def clean_file_name(name, creator=""):
    """Turn a file name into words, without counters and the name of its author."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    words = re.sub(r"[^a-z\u00e0-\u00ff]+", " ", name).split()
    # The Debian file names end in the author's name, cut off at some length.
    author = re.findall(r"[a-z]+", creator.lower())
    while len(words) > 1 and any(part.startswith(words[-1]) for part in author):
        words.pop()
    kept = [word for word in words if len(word) > 1 or word == "a"]
    return " ".join(word for word in kept if word not in {"aiga", "svg", "contour"})


def caption(path, metadata, shared_titles=frozenset(), shared_descriptions=frozenset()):
    """Write the caption of one drawing.

    Parameters
    ----------
    path : str
        Path below the library's root, without suffix: ``"food/fruit/pear_01"``.
    metadata : dict
        What :func:`read_metadata` returned.
    shared_titles, shared_descriptions : set of str
        Texts that stand on many drawings and therefore describe none.

    Returns
    -------
    str
        Possibly empty.
    """
    folder, _, name = path.rpartition("/")
    card = re.fullmatch(r"\w+_([cdhs])_(\w+)", name)
    if "games/cards" in folder and card:
        rank = _RANKS.get(card.group(2), card.group(2))
        return f"{rank} of {_SUITS[card.group(1)]}"
    title = metadata["title"]
    from_name = clean_file_name(name, metadata["creator"])
    if not title or title in shared_titles or _COLLECTION.search(title):
        title = from_name
    title = " ".join(re.sub(r"[_\s]+", " ", title).split())
    title = re.sub(r"\s*(#|#?\d{1,3}|\(\d{1,3}\))$", "", title) or from_name
    if len(title) < 3:
        title = folder.rpartition("/")[2].replace("_", " ")
    description = metadata["description"]
    if description in shared_descriptions or _ABOUT_THE_FILE.search(description):
        return title
    description = _FILLER.sub("", description.split(". ")[0].strip(" ."), count=1)
    new = set(words_of(description)) - set(words_of(title))
    if not new or len(description.split()) > 16:
        return title
    return f"{title}, {description}" if title else description


def words_of(text):
    """Return the lower-case words of a text, digits and punctuation left out."""
    return re.findall(r"[a-z\u00e0-\u00ff]+", text.lower())


def stem(text):
    """Return the part of a caption that its variants (colour, size, number) share."""
    words = [word.rstrip("s") for word in words_of(re.sub(r"\([^)]*\)", " ", text))]
    kept = [word for word in words if word not in _VARIANT and len(word) > 1]
    return " ".join(kept or words)


def _labels_of_words():
    """Turn the synonyms around; a word under two labels ("girl") means both."""
    meant = {label: {label} for label in _vocabulary.SYNONYMS}
    for label, words in _vocabulary.SYNONYMS.items():
        for word in words.split():
            meant.setdefault(word.replace("_", " "), set()).add(label)
    return meant


_LABELS_OF = _labels_of_words()


def labels(keywords, folders):
    """Map keywords and folder names to labels, with their parents.

    Parameters
    ----------
    keywords : iterable of str
        Cleaned keywords.
    folders : iterable of str
        The folders in which the drawing lies: ``"people/clothing/hats"``.

    Returns
    -------
    set of str
    """
    words = set(keywords)
    for folder in folders:
        if folder.startswith("computer/icons"):
            words.discard("computer")
            continue
        parts = folder.split("/")
        words.update(
            part.replace("_", " ")
            for part in parts
            if part == parts[-1] or part not in _vocabulary.BROAD_FOLDERS
        )
    found = set()
    for word in words:
        if word.replace(" ", "_") in _vocabulary.META:
            continue
        found |= _LABELS_OF.get(word, {word})
    # A horse is a mammal is an animal: no chain of parents is longer.
    for _ in range(2):
        found |= {up for label in found for up in _vocabulary.PARENTS.get(label, ())}
    for label, contrary in _vocabulary.EXCLUDES:
        if contrary in found:
            found.discard(label)
    return found - _vocabulary.NOT_LABELS
