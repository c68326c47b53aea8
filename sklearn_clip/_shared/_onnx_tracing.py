"""Modules of torch as graphs of ONNX."""

import contextlib
import warnings


def trace_to_onnx(module, example, file, *, names, opset, any_length=False):
    """Have torch write the graph of a module that takes any number of items.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode, on the CPU.
    example : torch.Tensor of shape (n_items, ...)
        What it is traced with.
    file : str or binary file
        Where the graph goes. Weights of more than 2 GiB need a path, beside which they
        are written.
    names : tuple of str (input, output)
        Of the graph.
    opset : int
        Version of the operators of ONNX.
    any_length : bool, default=False
        Whether items have any number of columns, as texts have tokens, or that of the
        example.

    Raises
    ------
    Exception
        Whatever the exporter raises where ONNX has no word for an operation.
    """
    import torch

    taken, given = names
    axes = {0: "items"} | ({1: "tokens"} if any_length else {})
    with warnings.catch_warnings(), torch.no_grad(), _plain_attention():
        warnings.simplefilter("ignore")  # of the exporter, for its authors
        torch.onnx.export(
            module,
            (example,),
            file,
            input_names=[taken],
            output_names=[given],
            dynamic_axes={taken: axes, given: {0: "items"}},
            opset_version=opset,
            dynamo=False,  # the other exporter fixes the length of texts
        )


@contextlib.contextmanager
def _plain_attention():
    """Have torch's attention done by operations that the exporter knows."""
    import torch

    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
