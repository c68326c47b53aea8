"""Towers as modules that other engines can take: one tensor in, one out."""

from torch import nn


class ImageGraph(nn.Module):
    """The image tower behind its normalisation.

    Parameters
    ----------
    model : torch.nn.Module
        Model of open_clip.
    scale, shift : Tensor of shape (3, 1, 1)
        What bytes are multiplied with, and what is added.
    """

    def __init__(self, model, scale, shift):
        super().__init__()
        self.model = model
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, pixels):
        """Encode pixels, bytes of shape (n, h, w, 3)."""
        pixels = pixels.permute(0, 3, 1, 2).float() * self.scale + self.shift
        return self.model.encode_image(pixels, normalize=False)


class TextGraph(nn.Module):
    """The text tower for tokens of any length up to its context.

    The table of positions and the mask are cut by operations on tensors, which a tracer
    sees: cut beforehand, they would fix the length of the example.

    Parameters
    ----------
    model : torch.nn.Module
        Model of open_clip.
    """

    def __init__(self, model):
        super().__init__()
        self.model = copy_module(model)
        self._inner = [text_part(self.model)]  # in a list, it is no second submodule
        if self._inner[0] is not self.model:
            self._inner = [copy_module(self._inner[0])]
            self.model._modules["text"] = self._inner[0]
        self._tables = {}
        for tables in (self._inner[0]._parameters, self._inner[0]._buffers):
            for name in ("positional_embedding", "attn_mask"):
                table = tables.get(name)
                if table is not None:
                    self._tables[name] = tables.pop(name)

    def forward(self, tokens):
        """Encode tokens of shape (n, length)."""
        length = tokens.shape[1]
        for name, table in self._tables.items():
            part = table[:length]
            vars(self._inner[0])[name] = part if name[0] == "p" else part[:, :length]
        return self.model.encode_text(tokens, normalize=False)


def text_part(model):
    """Return the module that has the table of positions of the texts.

    Parameters
    ----------
    model : torch.nn.Module
        Model of open_clip.

    Returns
    -------
    torch.nn.Module
        The model itself, or its text tower.
    """
    inner = getattr(model, "text", None)
    return inner if isinstance(inner, nn.Module) else model


def has_positions(module):
    """Whether a text tower has a table of positions that can be cut.

    Parameters
    ----------
    module : torch.nn.Module
        From `text_part`.

    Returns
    -------
    bool
        Not for CoCa, which has one more position and sees as many as it needs.
    """
    positions = getattr(module, "positional_embedding", None)
    own = getattr(module, "cls_emb", None)
    return isinstance(positions, nn.Parameter) and own is None


def copy_module(module):
    """Copy a module, not its tensors: changes of the copy's tables stay there.

    Parameters
    ----------
    module : torch.nn.Module
        The module.

    Returns
    -------
    torch.nn.Module
        The copy.
    """
    new = module.__class__.__new__(module.__class__)
    vars(new).update(vars(module))
    for table in ("_parameters", "_buffers", "_modules"):
        setattr(new, table, dict(getattr(module, table)))
    return new
