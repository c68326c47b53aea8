"""The fingerprint of a model: one for all devices, precisions, files and fusions."""

import hashlib
import json

from sklearn_clip._shared import own_modes


@own_modes()
def digest_weights(config, tensors):
    """Hash the architecture and every weight, by name, shape and bytes as float32.

    Parameters
    ----------
    config : dict
        The architecture.
    tensors : iterable of tuple (str, Tensor)
        The weights, sorted by name.

    Returns
    -------
    str
        The digest, in hexadecimal.
    """
    hasher = hashlib.blake2b(digest_size=16)
    hasher.update(json.dumps(config, sort_keys=True, default=str).encode())
    for name, tensor in tensors:
        array = tensor.detach().float().cpu().contiguous().numpy()
        hasher.update(f"{name}{array.shape}".encode())
        hasher.update(array.data)
    return hasher.hexdigest()
