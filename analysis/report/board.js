// The leaderboard: one row per network, sorted and filtered as asked.

const FIRST = 20; // rows at first
const MORE = 200; // rows that a press of the button adds
const NEVER_SHOWN = ["rank_low", "rank_high"]; // they stand in the cell of the rank

// what tells networks apart besides their id
const TOLD = ["family", "weights", "technique"].filter(
  (name) =>
    name === "family" ||
    (distinct(TEXTS.get(name)).length > 1 && TEXTS.get(name).some((value, row) => value !== text("family", row))),
);

const board = { outcome: null, sort: "rank", descending: false, limit: FIRST, open: new Set() };

// A column: heading, what it sorts by (null: it cannot be sorted by), and its cell.
function numbers(key, heading, values, cell) {
  return { key, heading, values, cell, numeric: true };
}

function words(name, heading) {
  const values = ROWS.map((row) => text(name, row));
  return { key: name, heading, values, cell: (row) => make("td", { class: "text" }, values[row]), numeric: false, words: true };
}

function standing(name) {
  return (DATA.standings[board.outcome.name] || []).find((column) => column.name === name);
}

function rankColumn() {
  const [rank, low, high] = ["rank", "rank_low", "rank_high"].map((name) => standing(name)?.values);
  const limits = (row) => (low && high ? ` [${whole(low[row])}, ${whole(high[row])}]` : "");
  return numbers("rank", "rank", rank, (row) =>
    make("td", {}, make("b", {}, whole(rank[row])), make("span", { class: "limits" }, limits(row))),
  );
}

function furtherColumns() {
  const others = (DATA.standings[board.outcome.name] || []).filter(
    (column) => column.name !== "rank" && !NEVER_SHOWN.includes(column.name),
  );
  return others.map(({ name, values }) => {
    const truths = values.every((v) => typeof v === "boolean");
    const heading = name === "tied" ? (standing("tier") ? "may be the best" : "tied with the best") : name.replaceAll("_", " ");
    const say = (v) => (v === null ? "-" : truths ? (v ? "yes" : "") : typeof v === "number" ? whole(v) : String(v));
    const cell = (row) => make("td", truths ? { class: "text" } : {}, say(values[row]));
    return { key: `standing ${name}`, heading, values: truths ? values.map(Number) : values, cell, numeric: true, words: truths };
  });
}

function outcomeColumn(measure, main) {
  const heading = main ? `${measure.label} [95 %]` : measure.label.replace(" (%)", " %");
  return numbers(measure.key, heading, measure.value, (row) =>
    make(
      "td",
      { class: main ? "main" : null, title: main ? null : interval(measure, row) },
      main ? make("b", {}, shown(measure, row)) : shown(measure, row),
      make("span", { class: "limits" }, ` ${interval(measure, row)}`),
    ),
  );
}

// Interval of every network that is in sight on one scale, before the interval of the best of all.
function intervalColumn(measure, rows) {
  const width = 140;
  const known = rows.filter((row) => measure.value[row] !== null);
  if (!known.length) return { key: "interval", heading: "", values: null, cell: () => make("td") };
  const low = Math.min(...known.map((row) => measure.low[row]));
  const high = Math.max(...known.map((row) => measure.high[row]));
  const x = (v) => 4 + ((width - 8) * (v - low)) / (high - low || 1);
  const inside = (v) => Math.min(width, Math.max(0, x(v)));
  const best = ROWS.reduce((a, b) => (measure.value[b] > measure.value[a] ? b : a), known[0]);
  const colour = DATA.noise_colours[measure.family] || "#4d4d4d";
  const [left, right] = [inside(measure.low[best]), inside(measure.high[best])];
  const cell = (row) => {
    const picture = draw("svg", { width, height: 16, viewBox: `0 0 ${width} 16`, class: "whisker", "aria-hidden": "true" });
    if (measure.value[row] !== null) {
      picture.append(
        draw("rect", { x: left, y: 0, width: right - left, height: 16, fill: colour, "fill-opacity": 0.13 }),
        draw("line", { x1: x(measure.low[row]), x2: x(measure.high[row]), y1: 8, y2: 8, stroke: colour, "stroke-width": 1.6 }),
        draw("circle", { cx: x(measure.value[row]), cy: 8, r: 3.2, fill: colour }),
      );
    }
    return make("td", { class: "picture" }, picture);
  };
  const digits = measure.unit === "%" ? 0 : 1;
  const ends = [low, high].map((v) => make("span", {}, v.toFixed(digits)));
  return { key: "interval", heading: make("span", { class: "ends" }, ...ends), values: null, cell };
}

function networkColumn() {
  const values = ROWS.map((row) => text("id", row));
  const cell = (row) => {
    const button = make("button", { type: "button", class: "id", "aria-expanded": String(board.open.has(row)) }, values[row]);
    button.addEventListener("click", () => {
      if (!board.open.delete(row)) board.open.add(row);
      showBoard();
      at("board-rows").querySelector(`tr[data-row="${row}"] button.id`).focus();
    });
    return make("td", { class: "text" }, button);
  };
  return { key: "id", heading: "network", values, cell, numeric: false, words: true };
}

// Columns of the table; rows are those in sight, null while only the sorting needs them.
function columns(rows) {
  const headlines = SCORED.filter((o) => DATA.headlines.includes(o.name) && o !== board.outcome);
  const costs = FACTORS.filter((f) => f.name === "macs" || f.name === "parameters");
  return [
    rankColumn(),
    networkColumn(),
    outcomeColumn(board.outcome, true),
    ...(rows ? [intervalColumn(board.outcome, rows)] : []),
    ...furtherColumns(),
    ...TOLD.map((name) => words(name, name)),
    ...headlines.map((measure) => outcomeColumn(measure, false)),
    ...costs.map((f) => numbers(f.key, f.label, f.value, (row) => make("td", {}, shown(f, row)))),
  ];
}

function sorted(rows, column) {
  const sign = board.descending ? -1 : 1;
  const ids = TEXTS.get("id");
  const compare = (a, b) => {
    const [x, y] = [column.values[a], column.values[b]];
    if (x === null || y === null) return (x === null) - (y === null) || a - b; // unknown ones last
    const order = column.numeric ? x - y : x.localeCompare(y);
    return sign * order || ids[a].localeCompare(ids[b]);
  };
  return [...rows].sort(compare);
}

function bound(id) {
  const value = Number.parseFloat(at(id).value);
  return Number.isNaN(value) ? null : value;
}

function chosenRows() {
  const asked = at("board-search").value.trim().toLowerCase();
  const family = at("board-family").value;
  const weights = at("board-weights").value;
  const factor = MEASURES.get(at("board-factor").value);
  const [least, most] = [bound("board-least"), bound("board-most")];
  return ROWS.filter((row) => {
    if (family !== "" && text("family", row) !== family.slice(1)) return false;
    if (weights !== "" && text("weights", row) !== weights.slice(1)) return false;
    const value = factor ? factor.value[row] : null;
    if (factor && (least !== null || most !== null)) {
      if (value === null || (least !== null && value < least) || (most !== null && value > most)) return false;
    }
    return !asked || [...TEXTS.values()].some((texts) => texts[row].toLowerCase().includes(asked));
  });
}

function headCell(column) {
  if (column.values === null) return make("th", { scope: "col", class: "picture" }, column.heading);
  const active = board.sort === column.key;
  const button = make("button", { type: "button", "data-key": column.key }, column.heading);
  const th = make("th", { scope: "col", class: column.words ? "text" : null, "aria-sort": active ? (board.descending ? "descending" : "ascending") : "none" }, button);
  button.addEventListener("click", () => {
    // first press: the best first, and large numbers of everything else but ranks and words
    board.descending = active ? !board.descending : column.numeric && column.key !== "rank";
    board.sort = column.key;
    board.limit = FIRST;
    showBoard();
    [...at("board-head").querySelectorAll("button")].find((b) => b.dataset.key === column.key).focus();
  });
  return th;
}

function bodyRow(row, all) {
  const tied = standing("tied")?.values[row];
  return make("tr", { "data-row": row, class: tied ? "tied" : null }, ...all.map((column) => column.cell(row)));
}

function showBoard() {
  const sortable = columns(null);
  const column = sortable.find((c) => c.key === board.sort) || sortable[0];
  board.sort = column.key;
  const rows = sorted(chosenRows(), column);
  const all = columns(rows.slice(0, board.limit));
  const body = [];
  for (const row of rows.slice(0, board.limit)) {
    body.push(bodyRow(row, all));
    if (board.open.has(row)) {
      body.push(make("tr", { class: "details" }, make("td", { colspan: all.length }, describe(row))));
    }
  }
  at("board-head").replaceChildren(make("tr", {}, ...all.map(headCell)));
  at("board-rows").replaceChildren(...body);
  const seen = Math.min(rows.length, board.limit);
  at("board-count").textContent =
    `${whole(seen)} of ${counted(rows.length, "network")} shown` +
    (rows.length < DATA.shown ? ` (${whole(DATA.shown)} without filters)` : "");
  at("board-more").hidden = seen === rows.length;
  at("board-more").textContent = `Show ${whole(Math.min(MORE, rows.length - seen))} more`;
}

function chooseOutcome(name) {
  board.outcome = SCORED.find((o) => o.name === name);
  board.sort = "rank";
  board.descending = false;
  board.limit = FIRST;
  const tied = standing("tied")?.values.filter(Boolean).length;
  const known = standing("tier") ? "may be the best (band)." : null; // ranked with intervals
  at("board-text").textContent =
    `${board.outcome.text.charAt(0).toUpperCase()}${board.outcome.text.slice(1)}.` +
    (tied && DATA.shown === DATA.networks
      ? ` ${counted(tied, "network")} of ${whole(DATA.networks)}, the best included, ` +
        (known ?? `${tied === 1 ? "is" : "are"} within the best one's interval (band).`)
      : "");
  showBoard();
}

function startBoard() {
  if (!SCORED.length) return false;
  const plain = (names) => names.map((name) => [name, name]);
  const named = (values) => [["", "all"], ...values.sort().map((value) => [`=${value}`, value || "(none)"])];
  const rest = SCORED.map((o) => o.name).filter((name) => !DATA.headlines.includes(name));
  offer(at("board-outcome"), [["Headlines", plain(DATA.headlines)], ["Others", plain(rest)]]);
  offer(at("board-family"), [["", named(distinct(TEXTS.get("family")))]]);
  offer(at("board-weights"), [["", named(distinct(TEXTS.get("weights")))]]);
  offer(at("board-factor"), [["", FACTORS.filter((f) => !f.stage).map((f) => [f.key, f.label])]]);
  at("board-origin").hidden = !TOLD.includes("weights");
  at("board-range").hidden = !FACTORS.some((f) => !f.stage);
  at("board-outcome").addEventListener("change", (event) => chooseOutcome(event.target.value));
  const filters = ["board-search", "board-family", "board-weights", "board-factor", "board-least", "board-most"];
  for (const id of filters) {
    at(id).addEventListener("input", () => {
      board.limit = FIRST;
      showBoard();
    });
  }
  at("board-more").addEventListener("click", () => {
    board.limit += MORE;
    showBoard();
  });
  at("board-clear").addEventListener("click", () => {
    for (const id of filters) if (id !== "board-factor") at(id).value = "";
    board.limit = FIRST;
    showBoard();
  });
  const macs = FACTORS.find((f) => f.name === "macs");
  if (macs) at("board-factor").value = macs.key;
  chooseOutcome(at("board-outcome").value);
  return true;
}
