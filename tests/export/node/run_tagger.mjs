// Run the file of a tagger on inputs that Python has written: node run_tagger.mjs FOLDER
//
// FOLDER holds tagger.onnx, inputs.json and for each input NAME.raw; what comes out is
// written as outputs.json.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-node";

const ARRAYS = { uint8: Uint8Array, int32: Int32Array };

const folder = process.argv[2];
const described = JSON.parse(readFileSync(join(folder, "inputs.json"), "utf8"));
const feeds = {};
for (const [name, { type, dims }] of Object.entries(described)) {
  const bytes = readFileSync(join(folder, `${name}.raw`));
  const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  feeds[name] = new ort.Tensor(type, new ARRAYS[type](copy), dims);
}
const session = await ort.InferenceSession.create(join(folder, "tagger.onnx"));
const found = await session.run(feeds);
const outputs = {};
for (const [name, { type, dims, data }] of Object.entries(found)) {
  outputs[name] = { type, dims, data: Array.from(data, Number) };
}
writeFileSync(
  join(folder, "outputs.json"),
  JSON.stringify({ inputs: session.inputNames, outputs }),
);
