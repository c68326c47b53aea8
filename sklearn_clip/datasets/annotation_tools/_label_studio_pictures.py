"""Where the pictures of Label Studio's tasks are: uploads, local files, buckets."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from sklearn_clip._shared import decode_percent
from sklearn_clip.datasets._image_files import ImageFolder, is_picture
from sklearn_clip.datasets._missing_files import report_missing

# Uploads are written as /data/upload/<project>/<8 hex digits>-<name>.
_UPLOAD = re.compile(r"(?:https?://[^/]+)?/data/(upload/.+)", re.IGNORECASE)
_LOCAL = re.compile(r"(?:https?://[^/]+)?/data/local-files/\?", re.IGNORECASE)
_PREFIX = re.compile(r"[0-9a-f]{8}-(?=.)")


def choose_field(tasks, asked, guessed, parameter):
    """Name of the field of the data in which pictures, or texts, stand.

    Parameters
    ----------
    tasks : list of Task
    asked : str or None
        What the user names.
    guessed : str or None
        What a configuration names.
    parameter : str

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If no field, or not one alone, holds names of pictures, or one that is asked
        for is in no task.
    """
    fields = dict.fromkeys(name for task in tasks for name in task.data)
    shown = ", ".join(map(repr, fields))
    name = guessed if asked is None else asked
    if name is not None:
        if name not in fields:
            raise ValueError(
                f"{parameter} must name a field of the data. Got {name!r}, and there "
                f"are {shown or 'none'}."
            )
        return name
    found = {
        name
        for task in tasks
        for name, value in task.data.items()
        if isinstance(value, str)
        and is_picture(value.split("?")[0])
        or isinstance(value, str)
        and _LOCAL.match(value)
    }
    if len(found) != 1:
        raise ValueError(
            f"{parameter} must name the field of the data that holds the pictures. Got "
            f"None, and {', '.join(map(repr, sorted(found))) or 'none'} of {shown} "
            "does. config=... tells it too."
        )
    return found.pop()


def find_pictures(tasks, field, images, missing_files):
    """Path of the picture of each task, None where it is left out.

    Parameters
    ----------
    tasks : list of Task
    field : str
    images : str, path-like, dict of {str: str} or callable
        The folder, or what gives the path of what stands in the data.
    missing_files : {"raise", "drop", "keep"}

    Returns
    -------
    paths, files : list of str or None
        And what is equal for all paths of one file.
    """
    given = images.get if isinstance(images, Mapping) else images
    is_map = callable(given)
    folder = ImageFolder("." if is_map else images, "images")
    paths, missing = [], {}
    for task in tasks:
        name = task.value(field)
        if not isinstance(name, str) or not name.strip():
            raise ValueError(
                f"Every task must have its picture in {field!r}. Got {name!r:.60} "
                f"({task.place})."
            )
        if is_map:
            asked = given(name)
            readings = [] if asked is None else [str(asked)]
        else:
            readings = _readings(name)
        path = None
        for reading in readings:
            try:
                path = folder.find(reading)
            except ValueError as exc:
                raise ValueError(f"{exc} ({task.place}).") from exc
            if path is not None:
                break
        if path is None:
            missing[name] = f"{name!r} ({task.place})"
            if missing_files == "keep":
                path = str(folder.root / (readings[0] if readings else name))
        paths.append(path)
    if missing_files != "keep":
        number = len({task.data[field] for task in tasks})
        report_missing(missing, number, [folder], missing_files)
    return paths, [None if path is None else folder.identify(path) for path in paths]


def _readings(name):
    """Paths below the folder that an address may mean, the surest first."""
    upload = _UPLOAD.fullmatch(name)
    if upload:
        path = decode_percent(upload.group(1))
        last = path.rpartition("/")[2]
        found = [path, path.partition("/")[2], last]
        return list(dict.fromkeys([*found, _PREFIX.sub("", last, count=1)]))
    if _LOCAL.match(name):
        return parse_qs(urlsplit(name).query).get("d", [name])
    parts = urlsplit(name)
    if parts.scheme.lower() in ("s3", "gs", "azure-blob", "http", "https"):
        # The key in the bucket, or the file that was fetched of it.
        path = decode_percent(parts.path).lstrip("/")
        return list(dict.fromkeys([path, path.rpartition("/")[2]])) if path else [name]
    return [name]
