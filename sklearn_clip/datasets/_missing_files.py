"""What is told of picture files that a table names and that are not there."""

from sklearn_clip._shared import warn_user
from sklearn_clip.datasets._image_files import explain_kind

MISSING_FILES = ("raise", "drop", "keep")
_SHOWN = 3


def find_cause(names, folders):
    """Say why pictures are not found, where something like them is there.

    Parameters
    ----------
    names : list of str
        Names of missing files.
    folders : list of ImageFolder
        Where they were looked for.

    Returns
    -------
    cause : str
        A sentence about a name; empty if nothing is known.
    below : str
        A sentence about a folder; empty if there is a cause or nothing is known.
    """
    tried = [(name, place) for name in names for place in folders]
    cause = next(filter(None, (place.explain(name) for name, place in tried)), "")
    cause = cause or next(filter(None, map(explain_kind, names)), "")
    if cause:
        return cause, ""
    found = ((name, place.find_below(name)) for name, place in tried)
    return "", next((f"{name!r} is in '{at}'." for name, at in found if at), "")


def report_missing(
    missing, n_images, folders, action, *, parameter="images", can_keep=True
):
    """Raise or warn about files that are not there.

    Parameters
    ----------
    missing : dict of {str: str}
        Name of each missing file, and what to call it: the name and where it stands.
    n_images : int
        How many were looked for.
    folders : list of ImageFolder
        Where they were looked for.
    action : {"raise", "drop"}
        What is done about them.
    parameter : str or None, default="images"
        The parameter that names the folder, None if there is none.
    can_keep : bool, default=True
        Whether rows without may be kept.

    Raises
    ------
    FileNotFoundError
        If any is missing, unless they are dropped and others are left.
    """
    if not missing:
        return
    where = " or ".join(f"'{folder.root}'" for folder in folders)
    shown = ", ".join(list(missing.values())[:_SHOWN])
    shown += f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    cause, below = find_cause(list(missing)[:_SHOWN], folders)
    hint = f" {cause or below}" if cause or below else ""
    if len(missing) == n_images:
        advice = ""
        if parameter is not None:
            advice = (
                f" Give the folder that the names are relative to as {parameter}=..."
            )
        raise FileNotFoundError(
            f"{where} must hold the images. Got none of {n_images}: {shown}.{hint}"
            f"{'' if cause else advice}"
        )
    keep = ", 'keep' leaves them in for CLIPFeaturizer(on_error=...)."
    if action == "raise":
        raise FileNotFoundError(
            f"{where} must hold every image. Got none for {shown} "
            f"({len(missing)} of {n_images} images).{hint} missing_files='drop' leaves "
            "their rows out" + (keep if can_keep else ".")
        )
    verb = "was" if len(missing) == 1 else "were"
    warn_user(
        f"{len(missing)} of {n_images} images {verb} not found in {where}; rows "
        f"without are left out: {shown}.{hint}",
    )
