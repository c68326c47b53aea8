"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const BATCH = 24; // pictures that are added at a time
  const STEPS = 1000; // of the slider
  const BINS = 50; // bars of the scores
  const ENDS = { never: Infinity, always: -Infinity }; // cuts that take no row, or all
  // Odds within a factor of two of the cut's: log 2, or so many units of other scores.
  const NEAR = Math.log(2);

  // The rows at or above each cut, with and without the label; none above the last.
  const fromTop = (counts) => {
    const sums = new Array(counts.length + 1).fill(0);
    for (let i = counts.length - 1; i >= 0; i--) sums[i] = sums[i + 1] + counts[i];
    return sums;
  };
  for (const label of data.labels) {
    label.found = fromTop(label.with);
    label.false = fromTop(label.without);
    label.at = label.start; // the position of the cut that the page counts by
  }

  /* What a row scores: the last cut that takes it, and in how many steps of those to the
     next cut the score lies above. */
  const levels = data.levels.map((text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Uint16Array(bytes.buffer);
  });
  const placeIn = (label, place, number) =>
    Math.floor(levels[place][number] / label.parts);
  function scoreIn(label, place, number) {
    const at = placeIn(label, place, number);
    const step = levels[place][number] % label.parts;
    if (!step) return label.scores[at];
    const share = (step - 0.5) / (label.parts - 1);
    return (1 - share) * label.scores[at] + share * label.scores[at + 1];
  }

  const three = (value) => (Number.isNaN(value) ? "–" : value.toFixed(3));
  const count = (value) => value.toLocaleString("en");

  /* What a cut of a label finds: the definitions are those of scikit-learn, with 0 for
     0 / 0, and nothing where the label is known of no row. */
  function measure(label, at) {
    const found = label.found[at];
    const wrong = label.false[at];
    const missed = label.found[0] - found;
    const rest = label.false[0] - wrong;
    const none = label.found[0] + label.false[0] === 0 ? NaN : 0;
    const ratio = (above, below) => (below ? above / below : none);
    return {
      found, missed, wrong, rest,
      precision: ratio(found, found + wrong),
      recall: ratio(found, found + missed),
      f1: ratio(2 * found, 2 * found + missed + wrong),
    };
  }

  /* The number to show, and to paste: the tagger's own as long as nobody moved it. */
  function cutOf(label) {
    if (label.at === label.start) return ENDS[label.now] ?? label.now;
    return label.at < label.cuts.length ? label.cuts[label.at] : Infinity;
  }
  const unending = (cut) => Object.keys(ENDS).find((word) => ENDS[word] === cut);
  const written = (value) =>
    unending(value) ?? String(Number(value.toPrecision(4)));

  /* Position of the cut that takes the rows whose score is at least a value. */
  function placeOf(label, value) {
    let low = 0;
    let high = label.scores.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (label.scores[middle] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // ---------------------------------------------------------------- the table of labels
  const rows = new Map();
  for (const row of document.querySelectorAll("#table tbody tr")) {
    const number = Number(row.dataset.label);
    rows.set(number, row);
    const head = row.querySelector("th");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => choose(number, true));
    head.replaceChildren(button);
  }
  const cellOf = (number, name) => rows.get(number).querySelector(`[data-name="${name}"]`);

  function valueOf(row, name) {
    if (name === "name") return row.querySelector("th").dataset.name;
    const text = row.querySelector(`td[data-name="${name}"]`).textContent;
    if (text in ENDS) return ENDS[text];
    const value = parseFloat(text.replaceAll(",", ""));
    return Number.isNaN(value) ? null : value;
  }
  for (const head of document.querySelectorAll("#table thead th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sortBy(head));
    head.replaceChildren(button);
  }
  function sortBy(head) {
    const before = head.getAttribute("aria-sort");
    const isText = head.dataset.text === "yes";
    let down = !isText;
    if (before) down = before === "ascending";
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const sign = down ? -1 : 1;
    const name = head.dataset.sort;
    const order = [...rows.values()].map((row) => [valueOf(row, name), row]);
    order.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null); // last
      if (isText) return sign * a.localeCompare(b, "en", { numeric: true });
      return a === b ? 0 : sign * (a < b ? -1 : 1);
    });
    document.querySelector("#table tbody").append(...order.map(([, row]) => row));
  }
  byId("filter").addEventListener("input", () => {
    const wanted = byId("filter").value.trim().toLocaleLowerCase();
    let shown = 0;
    for (const [number, row] of rows) {
      row.hidden = !data.labels[number].name.toLocaleLowerCase().includes(wanted);
      shown += !row.hidden;
    }
    byId("shown-labels").textContent = wanted ? `${count(shown)} of ${count(rows.size)}` : "";
  });

  // ------------------------------------------------------------------ pictures and rows
  function put(holder, place) {
    const row = data.rows[place];
    if (row.picture) {
      const image = document.createElement("img");
      image.src = row.picture;
      image.alt = row.text ? `${row.text}, ${row.name}` : row.name;
      image.title = image.alt;
      holder.replaceChildren(image);
    } else {
      holder.classList.add("none");
      const why = row.reason ? `${row.name}: ${row.reason}` : row.text || row.name;
      holder.textContent = why;
    }
  }
  for (const holder of document.querySelectorAll("[data-place]")) {
    put(holder, Number(holder.dataset.place));
  }

  // ------------------------------------------------------------------ the chosen label
  let chosen = null;
  let kind = "false";
  let limit = BATCH;

  const logit = (p) => Math.log(Math.max(p, 1e-9) / Math.max(1 - p, 1e-9));
  /* How far a score is from the cut, in log-odds or in units of the scores. */
  function distance(label, score) {
    const cut = cutOf(label);
    if (!Number.isFinite(cut)) return Infinity;
    if (data.probabilities) return logit(score) - logit(cut);
    return (score - cut) / data.unit;
  }
  function isUnsure(label, score, given) {
    if (label.asks !== null) return !given && score >= label.asks;
    return Math.abs(distance(label, score)) <= NEAR;
  }

  /* The rows that are shown, with what the cut of a label makes of each. */
  function sortRows(number) {
    const label = data.labels[number];
    const kinds = { found: [], missed: [], false: [], unsure: [] };
    data.rows.forEach((row, place) => {
      const truth = data.truth[place][number];
      const at = placeIn(label, place, number);
      const given = at >= label.at;
      const score = scoreIn(label, place, number);
      const entry = { place, score };
      if (truth === "1") kinds[given ? "found" : "missed"].push(entry);
      else if (truth === "0" && given) kinds.false.push(entry);
      if (isUnsure(label, score, given)) kinds.unsure.push(entry);
    });
    return kinds;
  }

  function drawGrid() {
    const label = data.labels[chosen];
    const kinds = sortRows(chosen);
    for (const button of document.querySelectorAll("[data-kind]")) {
      const name = button.dataset.kind;
      button.textContent = `${name} (${count(kinds[name].length)})`;
      button.setAttribute("aria-pressed", String(name === kind));
    }
    const order = byId("order").value;
    const entries = kinds[kind];
    const key = (entry) => {
      if (order === "near") return Math.abs(distance(label, entry.score));
      return order === "down" ? -entry.score : entry.score;
    };
    entries.sort((a, b) => key(a) - key(b) || a.place - b.place);
    byId("grid").replaceChildren(...entries.slice(0, limit).map((entry) => card(entry)));
    byId("more").hidden = entries.length <= limit;
    const meaning = {
      found: "have the label and are given it",
      missed: "have the label and are not given it",
      false: "are given the label and do not have it",
      unsure: label.asks === null
        ? "have a score close to the cut, with or without the label"
        : "are left to a person",
    }[kind];
    byId("kind-text").textContent =
      `${count(entries.length)} of the ${count(data.rows.length)} rows shown ${meaning}.`;
  }

  function card(entry) {
    const item = document.createElement("li");
    item.className = "card";
    item.dataset.row = data.rows[entry.place].row;
    const picture = document.createElement("div");
    picture.className = "picture";
    put(picture, entry.place);
    const text = document.createElement("div");
    text.className = "text";
    const score = document.createElement("span");
    score.className = "score";
    score.textContent = written(entry.score);
    const name = document.createElement("div");
    const row = data.rows[entry.place];
    name.textContent = row.picture && row.text ? row.text : row.name;
    text.append(score, name, marks(entry.place));
    item.append(picture, text);
    return item;
  }

  /* A name in Arabic, or with signs that turn the writing, turns nothing beside it. */
  const isolate = (name) => `\u2068${name}\u2069`;

  /* All labels of a row: found, missed and false ones at the cuts of the page. */
  function marks(place) {
    const list = document.createElement("ul");
    list.className = "marks";
    const signs = { found: "✓", missed: "–", false: "✗" };
    const spoken = { found: "found: ", missed: "missed: ", false: "false: " };
    const lines = { found: [], missed: [], false: [] };
    data.labels.forEach((label, number) => {
      const truth = data.truth[place][number];
      const given = placeIn(label, place, number) >= label.at;
      if (truth === "1") lines[given ? "found" : "missed"].push(label.name);
      else if (truth === "0" && given) lines.false.push(label.name);
    });
    for (const [what, names] of Object.entries(lines)) {
      if (!names.length) continue;
      const line = document.createElement("li");
      line.className = what;
      const more = names.length > 4 ? `, and ${names.length - 4} more` : "";
      const shown = names.slice(0, 4).map(isolate).join(", ");
      line.textContent = `${signs[what]} ${shown}${more}`;
      line.setAttribute("aria-label", spoken[what] + names.join(", "));
      list.append(line);
    }
    return list;
  }

  // ------------------------------------------------------------------- cut and counts
  const range = (label) => {
    const low = label.cuts[0];
    const high = label.scores[label.scores.length - 1];
    return [low, high > low ? high : low + 1];
  };

  function drawBars(label) {
    const [low, high] = range(label);
    const sums = [new Array(BINS).fill(0), new Array(BINS).fill(0)];
    label.scores.forEach((score, place) => {
      const bin = Math.min(BINS - 1, Math.floor((BINS * (score - low)) / (high - low)));
      sums[0][bin] += label.with[place];
      sums[1][bin] += label.without[place];
    });
    const bars = [];
    ["with", "without"].forEach((name, side) => {
      // Each side in its own measure, and square roots: one row is seen beside a hundred.
      const most = Math.sqrt(Math.max(1, ...sums[side]));
      sums[side].forEach((size, bin) => {
        if (!size) return;
        const bar = document.createElement("i");
        bar.className = name;
        bar.style.left = `${(100 * bin) / BINS}%`;
        bar.style.height = `${(50 * Math.sqrt(size)) / most}%`;
        bars.push(bar);
      });
    });
    byId("bars").replaceChildren(...bars);
  }

  const X = (recall) => 40 + 210 * recall;
  const Y = (precision) => 190 - 180 * precision;
  function drawCurve(label) {
    const points = [];
    for (let at = label.cuts.length - 1; at >= 0; at--) {
      const { precision, recall } = measure(label, at);
      points.push([recall, precision]);
    }
    // Precision stays until a lower cut finds more: the curve goes by steps.
    let path = "";
    points.forEach(([recall, precision], place) => {
      const last = place ? points[place - 1][0] : 0;
      path += `${place ? "L" : "M"}${X(last).toFixed(1)} ${Y(precision).toFixed(1)}`;
      path += `L${X(recall).toFixed(1)} ${Y(precision).toFixed(1)}`;
    });
    const known = label.found[0] + label.false[0];
    const share = known ? label.found[0] / known : 0;
    byId("line").setAttribute("d", label.found[0] ? path : "");
    byId("share").setAttribute("d", `M40 ${Y(share).toFixed(1)}H250`);
    byId("curve-title").textContent =
      `Precision and recall of ${label.name} at every cut; dashed: ` +
      `precision of giving it to every row, ${share.toFixed(3)}`;
  }

  function movePoint(id, figures) {
    const hidden = !(figures.found + figures.missed);
    byId(id).setAttribute("cx", X(hidden ? 0 : figures.recall));
    byId(id).setAttribute("cy", Y(hidden ? 0 : figures.precision));
    byId(id).style.display = hidden ? "none" : "";
  }

  function drawCounts() {
    const label = data.labels[chosen];
    const now = measure(label, label.at);
    const before = measure(label, label.start);
    const moved = label.at !== label.start;
    const write = (id, value, was, form) => {
      byId(id).textContent = form(value);
      if (moved && form(value) !== form(was)) {
        const old = document.createElement("span");
        old.className = "was";
        old.textContent = ` was ${form(was)}`;
        byId(id).append(old);
      }
    };
    write("n-found", now.found, before.found, count);
    write("n-missed", now.missed, before.missed, count);
    write("n-false", now.wrong, before.wrong, count);
    write("n-rest", now.rest, before.rest, count);
    for (const name of ["precision", "recall", "f1"]) {
      write(name, now[name], before[name], three);
    }
    movePoint("point", now);
    movePoint("was", before);
    const cut = cutOf(label);
    byId("cut").textContent = written(cut);
    const slider = byId("slider");
    const [low, high] = range(label);
    // The last step takes no row.
    const step = Math.round(((STEPS - 1) * (cut - low)) / (high - low));
    slider.value = cut === Infinity ? STEPS : Math.min(STEPS - 1, Math.max(0, step));
    slider.setAttribute(
      "aria-valuetext",
      `${written(cut)}: ${now.found} found, ${now.missed} missed, ${now.wrong} false`,
    );
    byId("typed").value = unending(cut) ? "" : written(cut);
    byId("back").disabled = !moved;
    if (moved || cellOf(chosen, "cut").classList.contains("moved")) {
      for (const name of ["precision", "recall", "f1"]) {
        cellOf(chosen, name).textContent = three(now[name]);
        cellOf(chosen, name).classList.toggle("moved", moved);
      }
      cellOf(chosen, "cut").textContent = unending(cut) ?? three(cut);
      cellOf(chosen, "cut").classList.toggle("moved", moved);
    }
  }

  /* F1 over all labels at the cuts of the page, where any was moved. */
  function drawSummary() {
    const moved = data.labels.filter((label) => label.at !== label.start);
    const all = data.labels.map((label) => measure(label, label.at));
    const known = all.filter((figures) => !Number.isNaN(figures.f1));
    const sum = (name) => known.reduce((total, figures) => total + figures[name], 0);
    const below = 2 * sum("found") + sum("missed") + sum("wrong");
    const values = {
      macro: sum("f1") / known.length,
      micro: below ? (2 * sum("found")) / below : 0,
    };
    for (const [name, value] of Object.entries(values)) {
      const line = byId(`changed-${name}`);
      line.hidden = !moved.length;
      line.textContent = `${three(value)} at the changed cuts`;
    }
    byId("n-changed").textContent = count(moved.length);
    const lines = moved.map((label) => {
      const cut = cutOf(label);
      return `    ${label.key}: ${cut === Infinity ? 'float("inf")' : cut},`;
    });
    byId("dict").value = lines.length ? `{\n${lines.join("\n")}\n}` : "{}";
  }

  function moveTo(place) {
    const label = data.labels[chosen];
    label.at = Math.max(0, Math.min(label.cuts.length, place));
    limit = BATCH;
    drawCounts();
    drawGrid();
    drawSummary();
  }

  function choose(number, scroll) {
    chosen = number;
    limit = BATCH;
    for (const [other, row] of rows) row.classList.toggle("chosen", other === number);
    const label = data.labels[number];
    byId("label-name").textContent = label.name;
    byId("choice").value = String(number);
    byId("panel").hidden = false;
    drawBars(label);
    drawCurve(label);
    drawCounts();
    const kinds = sortRows(number);
    if (!kinds[kind].length) {
      kind = ["false", "missed", "found", "unsure"].find((name) => kinds[name].length) || kind;
    }
    drawGrid();
    const narrow = window.matchMedia("(max-width: 900px)").matches;
    if (scroll && narrow) byId("panel").scrollIntoView();
  }

  // ------------------------------------------------------------------------- controls
  const slider = byId("slider");
  slider.addEventListener("input", () => {
    const label = data.labels[chosen];
    const value = Number(slider.value);
    const [low, high] = range(label);
    if (value >= STEPS) moveTo(label.cuts.length);
    else moveTo(placeOf(label, low + ((high - low) * value) / (STEPS - 1)));
  });
  slider.addEventListener("keydown", (event) => {
    const steps = {
      ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10,
    };
    const label = data.labels[chosen];
    if (event.key in steps) moveTo(label.at + steps[event.key]);
    else if (event.key === "Home") moveTo(0);
    else if (event.key === "End") moveTo(label.cuts.length);
    else return;
    event.preventDefault();
  });
  byId("typed").addEventListener("change", () => {
    const text = byId("typed").value;
    if (text === "") drawCounts();
    else moveTo(placeOf(data.labels[chosen], Number(text)));
  });
  byId("back").addEventListener("click", () => moveTo(data.labels[chosen].start));
  byId("forget").addEventListener("click", () => {
    const shown = chosen;
    data.labels.forEach((label, number) => {
      if (label.at === label.start) return;
      chosen = number;
      label.at = label.start;
      drawCounts();
    });
    choose(shown, false);
    drawSummary();
  });
  for (const button of document.querySelectorAll("[data-kind]")) {
    button.addEventListener("click", () => {
      kind = button.dataset.kind;
      limit = BATCH;
      drawGrid();
    });
  }
  byId("order").addEventListener("change", drawGrid);
  byId("more").addEventListener("click", () => {
    limit += BATCH;
    drawGrid();
  });
  byId("copy").addEventListener("click", async () => {
    const area = byId("dict");
    try {
      await navigator.clipboard.writeText(area.value);
      byId("copied").textContent = "Copied.";
    } catch {
      area.select(); // a frame or an old browser: the reader copies what is marked
      byId("copied").textContent = "Marked: copy it with Ctrl-C.";
    }
  });
  const options = data.labels
    .map((label, number) => ({ name: label.name, number }))
    .sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  byId("choice").append(...options.map(({ name, number }) => new Option(name, number)));
  byId("choice").addEventListener("change", () => choose(Number(byId("choice").value)));

  // Dark or light by hand, over what the system asks for.
  const theme = byId("theme");
  const isDark = () => {
    const told = document.documentElement.dataset.theme;
    if (told) return told === "dark";
    return window.matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const nameTheme = () => {
    theme.textContent = isDark() ? "Light" : "Dark";
  };
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
  });
  theme.hidden = false;
  nameTheme();

  drawSummary();
  choose(Number(document.querySelector("#table tbody tr").dataset.label), false);
})();
