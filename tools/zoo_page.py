"""The page of all models: results and costs of `zoo.py` as a table of Markdown."""

AGREES = "agrees"
BESIDE = "ViT-B-32"
ENGINES = ("torch-", "openvino-", "onnxruntime-")
HEAD = """# All models of open_clip

Written by `make zoo` (`tools/zoo.py`) with {versions}. {n_tried} of the {n_all}
architectures of `open_clip.list_models()` have been tried: built with random weights
and both towers cut to {blocks} blocks (widths, sizes, pooling, preprocessing and the
kind of tokenizer as they are), loaded through a file of weights, and compared with
plain open_clip. {summary}

- **image**, **context**, **embedding**: pixels of a side, tokens that a text is cut to,
  length of a vector.
- **parameters** in millions, of the full size, and **GFLOP** of one picture and of one
  text of full length (two operations for a product and a sum), of the image and the
  text tower. They are counted without weights. Short texts cost less where padding is
  cut.
- **cost**: GFLOP of a picture beside `ViT-B-32`'s. **measured**: the time of a picture
  on a CPU in fp32, beside that of `ViT-B-32` in the same run, for some.
- **fp32**, **auto**: our vectors of pictures and texts beside open_clip's: equal to
  {tolerance:g} of the largest component (photos that are resized: cosine of at least
  {fp32}), and with `precision="auto"` a cosine of at least {auto}.
- **OpenVINO**, **ONNX**: the same with these engines in fp32. "torch: text" means that
  this tower could not be converted when it was tried, and stayed with torch. Since
  then attention is spelled out for ONNX Runtime, which takes the texts of every model
  that was asked since.
- **rest**: each fusion alone and both, in any order; long texts in pieces; a dump that
  is loaded; one step of fine-tuning, saved and loaded; what `features="penultimate"`
  gives, projected, and the whole picture in front of its `regions="tokens"`, beside
  open_clip's vectors (of the models asked since they are there).
- **[hf]**: the texts need `pip install "sklearn-clip[hf]"`; pictures alone do not.

{{doc}}`models` says how to choose one.

"""
COLUMNS = (
    "model",
    "image",
    "context",
    "embedding",
    "parameters",
    "GFLOP",
    "cost",
    "measured",
    "fp32",
    "auto",
    "OpenVINO",
    "ONNX",
    "rest",
    "[hf]",
)


def write(results, names, *, blocks, tolerance, cosines):
    """Write the page.

    Parameters
    ----------
    results : dict of str to dict
        What `zoo.py` found, by model.
    names : list of str
        All models, in the order of the table.
    blocks : int
        Of a tower that is tried.
    tolerance : float
        Largest difference, as a part of the largest component.
    cosines : dict of str to float
        Least cosine by precision.

    Returns
    -------
    str
        The page.
    """
    tried = [name for name in names if results.get(name, {}).get("answers")]
    head = HEAD.format(
        versions=_name_versions(results, tried),
        n_tried=len(tried),
        n_all=len(names),
        blocks=blocks,
        summary=_summarise(results, tried),
        tolerance=tolerance,
        **cosines,
    )
    beside = results.get(BESIDE, {}).get("cost", {}).get("gflops", {}).get("image")
    rows = [COLUMNS, ("---",) * len(COLUMNS)]
    rows += [_row(name, results.get(name, {}), beside) for name in names]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{head}{table}\n{_list_differences(results, tried)}"


def _name_versions(results, tried):
    found = {}
    for name in tried:
        for package, version in results[name].get("versions", {}).items():
            if version:
                found[package] = version
    return ", ".join(f"{package} {version}" for package, version in found.items())


def _differs(entry):
    return {k: v for k, v in entry["answers"].items() if not v.startswith(AGREES)}


def _summarise(results, tried):
    differing = [name for name in tried if _differs(results[name])]
    if not differing:
        return "All of these agree in all that was asked."
    agreeing = len(tried) - len(differing)
    return f"{agreeing} of these agree in all that was asked; the others are below."


def _row(name, entry, beside):
    cost, answers = entry.get("cost", {}), entry.get("answers", {})
    size = cost.get("size", "")
    gflops = cost.get("gflops", {})
    rest = [v for k, v in answers.items() if not k.startswith(ENGINES)]
    relative = f"{gflops['image'] / beside:.2f}" if gflops and beside else ""
    return (
        f"`{name}`",
        " x ".join(map(str, size)) if isinstance(size, list) else str(size),
        str(cost.get("context", "")),
        str(cost.get("embedding", "")),
        _pair(cost.get("parameters")),
        _pair(gflops),
        relative,
        str(cost.get("measured", "")),
        _mark(answers.get("torch-fp32")),
        _mark(answers.get("torch-auto")),
        _mark(answers.get("openvino-fp32")),
        _mark(answers.get("onnxruntime-fp32")),
        _mark(AGREES if rest and set(rest) == {AGREES} else rest and "differs"),
        "[hf]" if cost.get("extra") else "",
    )


def _pair(both):
    if not both:
        return ""
    return " + ".join(f"{both[tower]:,.1f}" for tower in ("image", "text"))


def _mark(answer):
    if not answer:
        return ""
    if not answer.startswith(AGREES):
        return "differs"
    return answer.removeprefix(f"{AGREES}, ")


def _list_differences(results, tried):
    lines = []
    for name in tried:
        for question, answer in _differs(results[name]).items():
            lines.append(f"- `{name}`, {question}: {answer}")
    return "\n## What differs\n\n" + "\n".join(lines) + "\n" if lines else ""
