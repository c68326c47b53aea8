// Resize pictures as the page in examples/browser does: node prepare_pictures.mjs FOLDER
//
// FOLDER holds pictures.json, a list of {plan, width, height}, and for each of them
// NUMBER.rgb; what comes out is written as NUMBER.pixels.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { prepare } from "../../../examples/browser/pixels.js";

const folder = process.argv[2];
const pictures = JSON.parse(readFileSync(join(folder, "pictures.json"), "utf8"));
pictures.forEach(({ plan, width, height }, number) => {
  const data = new Uint8Array(readFileSync(join(folder, `${number}.rgb`)));
  const { data: pixels } = prepare({ data, width, height }, plan);
  writeFileSync(join(folder, `${number}.pixels`), pixels);
});
