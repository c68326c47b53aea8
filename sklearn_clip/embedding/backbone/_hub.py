"""The Hugging Face hub: what its cache holds, and whether it can be asked at all."""

import os
import socket
import urllib.parse
import urllib.request

import huggingface_hub

from sklearn_clip._shared import WeightsUnavailableError

# Seconds to wait for an answer, where the hub's own client tries for a minute or more.
_PATIENCE = 10
_PORTS = {"http": 80, "https": 443}


def cached_file(repository, *names):
    """Find a file of a repository in the local cache.

    Parameters
    ----------
    repository : str
        Name on the hub, ``"org/name"`` or ``"name"``.
    *names : str
        Files, of which the first that is there is taken.

    Returns
    -------
    str or None
        Its path; None if the cache has none of them.
    """
    if os.path.isabs(repository):  # no repository, and an error of the client's
        return None
    for name in names:
        path = huggingface_hub.try_to_load_from_cache(repository, name)
        if isinstance(path, str):
            return path
    return None


def cached_weights(repository, filename=None):
    """Find the weights of a repository in the local cache.

    Parameters
    ----------
    repository : str
        Name on the hub.
    filename : str or None, default=None
        The file, of which a form as safetensors goes first; None for open_clip's names.

    Returns
    -------
    str or None
        Its path; None if it is not there.
    """
    if not repository:
        return None
    if filename:
        stem, _ = os.path.splitext(filename)
        return cached_file(repository, f"{stem}.safetensors", filename)
    names = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
    return cached_file(repository, *names)


def check_network():
    """Fail soon where the hub cannot be reached; its client would try for long.

    Raises
    ------
    ConnectionError
        If the hub, or the proxy before it, takes no connection, or HF_HUB_OFFLINE is
        set.
    """
    if huggingface_hub.constants.HF_HUB_OFFLINE:
        raise ConnectionError("HF_HUB_OFFLINE is set")
    hub = urllib.parse.urlsplit(huggingface_hub.constants.ENDPOINT)
    asked, proxies = hub, urllib.request.getproxies()
    if proxies and not urllib.request.proxy_bypass(hub.hostname):
        address = proxies.get(hub.scheme) or proxies.get("all")
        asked = urllib.parse.urlsplit(address) if address else hub
        if not asked.hostname:  # no address that can be read
            return
    port = asked.port or _PORTS.get(asked.scheme, 443)
    try:
        socket.create_connection((asked.hostname, port), timeout=_PATIENCE).close()
    except OSError as exc:
        raise ConnectionError(
            f"no network: {asked.hostname} cannot be reached"
        ) from exc


def unavailable(model_name, tag, exc, what="The weights"):
    """Say that something of a model can be had in no way, and what to do.

    Parameters
    ----------
    model_name, tag : str or None
        The model, as the user names it.
    exc : Exception
        Why it could not be fetched.
    what : str, default="The weights"
        What is missing, as the subject of the sentence.

    Returns
    -------
    WeightsUnavailableError
        To be raised.
    """
    named = f"{model_name!r}" if tag is None else f"{model_name!r}, {tag!r}"
    reason = (str(exc).splitlines() or [type(exc).__name__])[0]
    return WeightsUnavailableError(
        f"{what} of {named} are not on this machine and could not be fetched "
        f"({reason:.200}). Fetch them where there is a network, with "
        f"CLIPFeaturizer({named}).encode_texts(['a']), and copy the Hugging Face cache "
        "(HF_HOME) here; or save the model to a folder and use "
        "model_name='local-dir:/the/folder'. Without a network there are "
        "CLIPFeaturizer('photo-tiny') for photographs and "
        "CLIPFeaturizer('clipart-tiny') for drawings."
    )
