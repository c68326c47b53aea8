// A tagger in one file at work in the browser: a picture in, labels out.

import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";
import { prepare } from "./pixels.js";

ort.env.wasm.wasmPaths = new URL("./node_modules/onnxruntime-web/dist/", import.meta.url).href;
// More threads need headers that `python -m http.server` does not send.
ort.env.wasm.numThreads = 1;

const METADATA = 14; // field of a model in ONNX's protobuf
const [KEY, VALUE] = [1, 2];
const OURS = "sklearn_clip";

/** Go through the fields of a message of protobuf that hold bytes. */
function* readFields(bytes) {
  let at = 0;
  const number = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = number();
    const kind = tag % 8;
    if (kind === 0) number();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) {
      const length = number();
      yield [Math.floor(tag / 8), bytes.subarray(at, at + length)];
      at += length;
    } else throw new Error("This is no file of ONNX.");
  }
}

/** Read what the file of a tagger says of itself, which ONNX Runtime does not hand on. */
export function readDescription(bytes) {
  const text = new TextDecoder();
  for (const [field, entry] of readFields(bytes)) {
    if (field !== METADATA) continue;
    const pair = Object.fromEntries(readFields(entry));
    if (text.decode(pair[KEY]) === OURS) return JSON.parse(text.decode(pair[VALUE]));
  }
  throw new Error("This file was not written by to_onnx.");
}

/** Decode a picture upright, on white, as sklearn-clip does. */
export async function readPicture(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, {
      imageOrientation: "from-image",
      colorSpaceConversion: "none",
    });
  } catch {
    throw new Error(`${file.name ?? "This"} is not a picture that the browser can read.`);
  }
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    rgb[to++] = data[from];
    rgb[to++] = data[from + 1];
    rgb[to++] = data[from + 2];
  }
  return { data: rgb, width, height };
}

/** Open the file of a tagger that needs no texts. */
export async function openTagger(url) {
  const answer = await fetch(url);
  if (!answer.ok) {
    throw new Error(`${url} is not there: run export_tagger.py, then load the page again.`);
  }
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const said = readDescription(bytes);
  if (said.format !== 1) throw new Error("The file is of another version than this page.");
  if (said.modalities.join() !== "image") {
    throw new Error('This page tags pictures alone: export a tagger with fusion="image".');
  }
  const session = await ort.InferenceSession.create(bytes);
  const scoresName = said.response === "predict_proba" ? "probabilities" : "decisions";

  /** Give every label with its score, and whether it is given, the best first. */
  async function tag(file) {
    const { data } = prepare(await readPicture(file), said.pixels);
    const found = await session.run({
      pixels: new ort.Tensor("uint8", data, [1, ...said.pixels.size, 3]),
      image_rows: new ort.Tensor("int32", Int32Array.of(0), [1]),
      n_rows: new ort.Tensor("int32", Int32Array.of(1), []),
    });
    const [scores, given] = [found[scoresName].data, found.labels.data];
    return said.label_names
      .map((name, i) => ({ name: String(name), score: scores[i], given: Boolean(given[i]) }))
      .sort((a, b) => b.score - a.score);
  }
  return { said, tag };
}
