// A picture to the pixels that a tagger takes, as Pillow resizes and sklearn-clip crops.

// Filters by Pillow's names: how far each reaches, and its weights.
const FILTERS = {
  BILINEAR: { reach: 1, weight: (x) => Math.max(1 - Math.abs(x), 0) },
  BICUBIC: { reach: 2, weight: bicubic },
  LANCZOS: {
    reach: 3,
    weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0),
  },
};
// Weights are whole numbers of so many bits, which is where Pillow's rounding is from.
const ONE = 2 ** 22;

function bicubic(x) {
  // Keys' cubic with a = -1/2.
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** Weights along one side: which pixels each new one is made of, and how much of each. */
function weigh(side, from, to, length, { reach, weight }) {
  const scale = (to - from) / length;
  const stretch = Math.max(scale, 1); // pictures that shrink are averaged, not sampled
  return Array.from({ length }, (_, place) => {
    const middle = from + (place + 0.5) * scale;
    const first = Math.max(Math.trunc(middle - reach * stretch + 0.5), 0);
    const end = Math.min(Math.trunc(middle + reach * stretch + 0.5), side);
    const weights = [];
    for (let i = first; i < end; i++) {
      weights.push(weight((i - middle + 0.5) / stretch));
    }
    const sum = weights.reduce((a, b) => a + b, 0);
    const whole = weights.map((w) => {
      const x = (w / sum) * ONE;
      return x < 0 ? Math.trunc(x - 0.5) : Math.trunc(x + 0.5);
    });
    return { first, weights: whole };
  });
}

/** One pass: new pixels along one side; `step` leads to the next pixel of that side. */
function pass(source, target, plan, lines, sourceLine, targetLine, step, targetStep) {
  for (let line = 0; line < lines; line++) {
    for (let place = 0; place < plan.length; place++) {
      const { first, weights } = plan[place];
      const start = line * sourceLine + first * step;
      const there = line * targetLine + place * targetStep;
      for (let channel = 0; channel < 3; channel++) {
        let sum = ONE / 2;
        for (let i = 0; i < weights.length; i++) {
          sum += source[start + i * step + channel] * weights[i];
        }
        target[there + channel] = Math.min(Math.max(Math.floor(sum / ONE), 0), 255);
      }
    }
  }
}

/**
 * Resize as Pillow does.
 * @param {{data: Uint8Array, width: number, height: number}} picture RGB
 * @param {number} width
 * @param {number} height
 * @param {string} filter Pillow's name of it
 * @param {number[]} box the part to take: left, top, right, bottom
 */
export function resize(picture, width, height, filter, box) {
  // Pillow keeps the corners as numbers of 32 bits.
  const [left, top, right, bottom] = (
    box ?? [0, 0, picture.width, picture.height]
  ).map(Math.fround);
  if (!(filter in FILTERS)) throw new Error(`Pictures are not resized by ${filter} here.`);
  const across = weigh(picture.width, left, right, width, FILTERS[filter]);
  const down = weigh(picture.height, top, bottom, height, FILTERS[filter]);
  const done = blank(width, height, 0);
  const [row, wide] = [picture.width * 3, width * 3];
  const [lower, narrower] = [picture.height - height, picture.width - width];
  if (lower > Math.max(2 * narrower, 0)) {
    // Pillow begins with the rows where that saves more; what it rounds differs by that.
    const low = new Uint8Array(row * height);
    pass(picture.data, low, down, picture.width, 3, 3, row, row);
    pass(low, done.data, across, height, row, wide, 3, 3);
  } else {
    const narrow = new Uint8Array(wide * picture.height);
    pass(picture.data, narrow, across, picture.height, row, wide, 3, 3);
    pass(narrow, done.data, down, width, 3, 3, wide, wide);
  }
  return done;
}

/** Python's rounding: halves to the even number. */
function round(x) {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

/** Copy a part of one picture onto another, wherever they meet. */
function paste(page, picture, left, top) {
  for (let y = Math.max(0, -top); y < picture.height && y + top < page.height; y++) {
    for (let x = Math.max(0, -left); x < picture.width && x + left < page.width; x++) {
      for (let channel = 0; channel < 3; channel++) {
        page.data[((y + top) * page.width + x + left) * 3 + channel] =
          picture.data[(y * picture.width + x) * 3 + channel];
      }
    }
  }
  return page;
}

function blank(width, height, grey) {
  return { data: new Uint8Array(width * height * 3).fill(grey), width, height };
}

/**
 * Bring a picture to the pixels that a tagger takes.
 * @param {{data: Uint8Array, width: number, height: number}} picture RGB
 * @param {object} plan "pixels" of what the file says of itself
 */
export function prepare(picture, plan) {
  const [rows, columns] = plan.size;
  const { width, height } = picture;
  if (plan.shape === "squash") return resize(picture, columns, rows, plan.resample);
  if (plan.shape === "crop") {
    // The middle of the resized picture, carried back into the picture as it is.
    const [wide, high] = [width, height].map((side) =>
      Math.trunc((plan.side * side) / Math.min(width, height)),
    );
    const [left, top] = [round((wide - columns) / 2), round((high - rows) / 2)];
    const [x, y] = [width / wide, height / high];
    const right = Math.min((left + columns) * x, width);
    const bottom = Math.min((top + rows) * y, height);
    return resize(picture, columns, rows, plan.resample, [left * x, top * y, right, bottom]);
  }
  // "cover" fills the page and is cut, "pad" fits into it and is filled up.
  const choose = plan.shape === "cover" ? Math.min : Math.max;
  const ratio = choose(height / rows, width / columns);
  const small = resize(picture, round(width / ratio), round(height / ratio), plan.resample);
  const [x, y] = [columns - small.width, rows - small.height];
  const page = blank(columns, rows, plan.fill);
  if (plan.shape === "cover") return paste(page, small, -round(-x / 2), -round(-y / 2));
  return paste(page, small, Math.floor(x / 2), Math.floor(y / 2));
}
