// The scatter: any factor or outcome against any other, with what stands behind every point.

const SHAPES = [
  "M-3.6 0A3.6 3.6 0 1 0 3.6 0A3.6 3.6 0 1 0-3.6 0Z",
  "M0-4.4L4.2 3.2H-4.2Z",
  "M-3.3-3.3H3.3V3.3H-3.3Z",
  "M0-4.7L4.7 0L0 4.7L-4.7 0Z",
  "M0 4.4L4.2-3.2H-4.2Z",
  "M-4-1.3H-1.3V-4H1.3V-1.3H4V1.3H1.3V4H-1.3V1.3H-4Z",
];
const MOST_KINDS = 12; // families told apart; the rest are pooled
const MOST_LEVELS = 16; // values of a factor that are drawn as columns
const NARROWEST = 12; // pixels of such a column
const REACH = 26; // pixels within which the pointer finds a point
const NEAR_FACTORS = 9; // factors in the tooltip

const scatter = { kinds: [], kindOf: [], off: new Set(), points: [], place: -1, width: 0 };

function groupBy(name) {
  const values = TEXTS.get(name);
  const sizes = new Map();
  for (const value of values) sizes.set(value, (sizes.get(value) || 0) + 1);
  const order = [...sizes.keys()].sort((a, b) => sizes.get(b) - sizes.get(a) || a.localeCompare(b));
  const names = order.length > MOST_KINDS ? [...order.slice(0, MOST_KINDS - 1), null] : order;
  const place = new Map(order.map((value, k) => [value, Math.min(k, names.length - 1)]));
  scatter.kinds = names.map((value, k) => ({
    name: value === null ? `${order.length - k} others` : value || "(none)",
    colour: DATA.palette[k % DATA.palette.length],
    shape: SHAPES[k % SHAPES.length],
    size: ROWS.filter((row) => place.get(values[row]) === k).length,
  }));
  scatter.kindOf = values.map((value) => place.get(value));
  scatter.off.clear();
}

function showKinds() {
  const boxes = scatter.kinds.map((kind, k) => {
    const box = make("input", { type: "checkbox", checked: "" });
    box.addEventListener("change", () => {
      if (box.checked) scatter.off.delete(k);
      else scatter.off.add(k);
      showScatter();
    });
    const mark = draw("svg", { width: 14, height: 14, viewBox: "-7 -7 14 14", "aria-hidden": "true" });
    mark.append(draw("path", { d: kind.shape, fill: kind.colour, transform: "scale(1.25)" }));
    return make("label", {}, box, mark, ` ${kind.name} `, make("span", { class: "limits" }, whole(kind.size)));
  });
  at("scatter-kinds").replaceChildren(...boxes);
}

// Columns of points where a factor has few values: their scale, and where each kind stands in them.
function spreadOf(measure, rows, ends) {
  const levels = distinct(rows.map((row) => measure.value[row])).sort((a, b) => a - b);
  if (measure.low !== null || levels.length > MOST_LEVELS || levels.length * 3 > rows.length) return null;
  const x = scaleOverLevels(levels, ends);
  const { room } = x;
  if (room < NARROWEST) return null;
  const kinds = [...new Set(rows.map((row) => scatter.kindOf[row]))].sort((a, b) => a - b);
  const each = room / kinds.length;
  const middle = (row) => (kinds.indexOf(scatter.kindOf[row]) - (kinds.length - 1) / 2) * each;
  // the golden ratio spreads successive rows evenly, the same at every drawing
  const offset = (row) => middle(row) + (((row * 0.6180339887) % 1) - 0.5) * each * 0.72;
  return { x, levels, kinds, each, offset, middle };
}

function median(values) {
  const order = [...values].sort((a, b) => a - b);
  const half = order.length >> 1;
  return order.length % 2 ? order[half] : (order[half - 1] + order[half]) / 2;
}

function drawMedians(spread, rows, axes) {
  const group = draw("g", { class: "medians" });
  for (const level of spread.levels) {
    for (const kind of spread.kinds) {
      const here = rows.filter((row) => axes.xs.value[row] === level && scatter.kindOf[row] === kind);
      if (here.length < 3) continue;
      const y = axes.y.at(median(here.map((row) => axes.ys.value[row])));
      const middle = axes.x.at(level) + spread.middle(here[0]);
      group.append(draw("line", { x1: middle - spread.each * 0.42, x2: middle + spread.each * 0.42, y1: y, y2: y }));
    }
  }
  return group;
}

function whiskers(point, axes) {
  const { row, px, py } = point;
  let path = "";
  if (axes.ys.low) path += `M${px} ${axes.y.at(axes.ys.low[row])}V${axes.y.at(axes.ys.high[row])}`;
  if (axes.xs.low) path += `M${axes.x.at(axes.xs.low[row])} ${py}H${axes.x.at(axes.xs.high[row])}`;
  return path;
}

function shownRows(xs, ys) {
  return ROWS.filter((row) => xs.value[row] !== null && ys.value[row] !== null && !scatter.off.has(scatter.kindOf[row]));
}

function withLimits(measure, rows) {
  const parts = measure.low && at("scatter-intervals").checked ? [measure.low, measure.high] : [measure.value];
  return rows.flatMap((row) => parts.map((part) => part[row]));
}

function showScatter() {
  const [xs, ys] = [MEASURES.get(at("scatter-x").value), MEASURES.get(at("scatter-y").value)];
  const rows = shownRows(xs, ys);
  const width = Math.max(280, at("scatter-plot").clientWidth);
  const height = Math.round(Math.min(500, Math.max(320, width * 0.55)));
  const box = { left: 58, right: width - 10, top: 10, bottom: height - 48 };
  const svg = at("scatter-svg");
  fill(svg, { width, height, viewBox: `0 0 ${width} ${height}` }, []);
  svg.replaceChildren();
  [scatter.width, scatter.height] = [width, height];
  scatter.points = [];
  leave();
  sayScatter(xs, ys, rows);
  if (!rows.length) return;
  const spread = spreadOf(xs, rows, [box.left, box.right]);
  const x = spread ? spread.x : scaleOver(withLimits(xs, rows), [box.left, box.right], width / 85);
  const y = scaleOver(withLimits(ys, rows), [box.bottom, box.top], 7);
  at("scatter-spread").hidden = !spread;
  const offset = spread ? spread.offset : () => 0;
  scatter.points = rows.map((row) => ({ row, px: x.at(xs.value[row]) + offset(row), py: y.at(ys.value[row]) }));
  scatter.axes = { xs, ys, x, y };
  svg.append(drawAxes(box, x, y, [xs.label, ys.label]));
  if (at("scatter-intervals").checked) {
    svg.append(draw("path", { class: "all-limits", d: scatter.points.map((p) => whiskers(p, scatter.axes)).join("") }));
  }
  svg.append(draw("g", { class: "dots" }, ...scatter.points.map(dot)));
  if (spread) svg.append(drawMedians(spread, rows, scatter.axes));
  svg.append(draw("g", { id: "scatter-found" }));
  // from left to right, so that arrow keys walk along the axis
  scatter.points.sort((a, b) => a.px - b.px || b.py - a.py);
}

function dot({ row, px, py }) {
  const kind = scatter.kinds[scatter.kindOf[row]];
  const place = `translate(${px.toFixed(1)} ${py.toFixed(1)})`;
  return draw("path", { d: kind.shape, transform: place, fill: kind.colour, "data-row": row });
}

// How many points there are, and the correlations that the analysis found for just these two.
function sayScatter(xs, ys, rows) {
  const spread = DATA.correlations.filter(
    ([, factor, outcome]) =>
      (xs.key === `factor ${factor}` && ys.key === `outcome ${outcome}`) ||
      (ys.key === `factor ${factor}` && xs.key === `outcome ${outcome}`),
  );
  const known = spread.map(([weights, , , value, low, high]) => `${weights} ${value.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`);
  at("scatter-count").textContent = `${counted(rows.length, "network")} shown of ${whole(DATA.networks)}.`;
  at("scatter-spread").hidden = true;
  at("scatter-said").textContent = known.length ? ` Spearman correlation over all networks of the same weights, with its 95 % interval: ${known.join("; ")}.` : "";
}

function tooltip(point) {
  const { row } = point;
  const { xs, ys } = scatter.axes;
  const line = (measure) => {
    const limits = interval(measure, row);
    return make("div", { class: "value" }, `${measure.label}: `, make("b", {}, shown(measure, row)), limits ? ` ${limits}` : "");
  };
  const near = FACTORS.filter((f) => !f.stage && f !== xs && f !== ys && f.value[row] !== null).slice(0, NEAR_FACTORS);
  const factors = near.map((f) => make("div", {}, make("dt", {}, f.label), make("dd", {}, shown(f, row))));
  const origin = [...new Set(["family", "weights", "technique"].map((name) => text(name, row)))].filter(Boolean);
  return [
    make("div", {}, make("code", {}, text("id", row)), ` ${origin.join(", ")}`),
    line(ys),
    line(xs),
    make("dl", {}, ...factors),
  ];
}

function find(index) {
  const point = scatter.points[index];
  scatter.place = index;
  const kind = scatter.kinds[scatter.kindOf[point.row]];
  const move = `translate(${point.px} ${point.py}) scale(1.7)`;
  at("scatter-found").replaceChildren(
    draw("path", { d: whiskers(point, scatter.axes), class: "limits-found", stroke: kind.colour }),
    draw("path", { d: kind.shape, transform: move, fill: kind.colour, class: "dot-found" }),
  );
  const tip = at("scatter-tip");
  tip.replaceChildren(...tooltip(point));
  tip.hidden = false;
  putTip(tip, point);
}

// Beside the point, or above or below it where the page is narrow.
function putTip(tip, { px, py }) {
  const [width, height] = [tip.offsetWidth, tip.offsetHeight];
  const narrow = scatter.width < 2 * width + 40;
  const left = narrow ? px - width / 2 : px + 16 + width <= scatter.width ? px + 16 : px - 16 - width;
  const top = !narrow ? py - height / 2 : py < scatter.height / 2 ? py + 20 : py - 20 - height;
  tip.style.left = `${Math.max(0, Math.min(left, scatter.width - width))}px`;
  tip.style.top = `${narrow ? top : Math.max(0, top)}px`;
}

function leave() {
  scatter.place = -1;
  at("scatter-found")?.replaceChildren();
  at("scatter-tip").hidden = true;
}

function nearest(event) {
  const frame = at("scatter-svg").getBoundingClientRect();
  const [px, py] = [event.clientX - frame.left, event.clientY - frame.top];
  let [best, distance] = [-1, REACH];
  scatter.points.forEach((point, place) => {
    const away = Math.hypot(point.px - px, point.py - py);
    if (away < distance) [best, distance] = [place, away];
  });
  return best;
}

function hover(event) {
  const place = nearest(event);
  if (place < 0) leave();
  else if (place !== scatter.place) find(place);
}

function pin() {
  if (scatter.place < 0) return;
  const close = make("button", { type: "button" }, "Close");
  close.addEventListener("click", () => at("scatter-pinned").replaceChildren());
  at("scatter-pinned").replaceChildren(describe(scatter.points[scatter.place].row), close);
}

function walk(event) {
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: 10, ArrowDown: -10 };
  if (event.key === "Escape") leave();
  else if (event.key === "Enter") pin();
  else if (event.key in steps && scatter.points.length) {
    event.preventDefault();
    const last = scatter.points.length - 1;
    find(scatter.place < 0 ? 0 : Math.min(last, Math.max(0, scatter.place + steps[event.key])));
  }
}

function measureGroups() {
  const pairs = (measures) => measures.map((m) => [m.key, m.label]);
  const families = distinct(OUTCOMES.filter((o) => o.condition).map((o) => o.family));
  return [
    ["Outcomes", pairs(SCORED)],
    ["Factors of the whole network", pairs(FACTORS.filter((f) => !f.stage))],
    ["Factors per stage", pairs(FACTORS.filter((f) => f.stage))],
    ...families.map((family) => [`Conditions, ${family}`, pairs(OUTCOMES.filter((o) => o.condition && o.family === family))]),
  ];
}

function startScatter() {
  const outcome = SCORED.find((o) => o.name === DATA.headlines[0]) || OUTCOMES[0];
  const other = SCORED.find((o) => o.name === "clean" && o !== outcome) || OUTCOMES.find((o) => o !== outcome);
  const first = FACTORS.find((f) => f.name === "macs") || FACTORS.find((f) => f.value.some((v) => v !== null)) || other;
  if (!outcome || !first) return false;
  for (const id of ["scatter-x", "scatter-y"]) offer(at(id), measureGroups());
  at("scatter-x").value = first.key;
  at("scatter-y").value = outcome.key;
  const told = ["family", "weights", "technique", "seed"].filter((name) => name === "family" || distinct(TEXTS.get(name)).length > 1);
  offer(at("scatter-by"), [["", told.map((name) => [name, name])]]);
  const regroup = () => {
    groupBy(at("scatter-by").value);
    showKinds();
    showScatter();
  };
  at("scatter-by").addEventListener("input", regroup);
  for (const id of ["scatter-x", "scatter-y", "scatter-intervals"]) at(id).addEventListener("input", showScatter);
  at("scatter-swap").addEventListener("click", () => {
    const [x, y] = [at("scatter-x"), at("scatter-y")];
    [x.value, y.value] = [y.value, x.value];
    showScatter();
  });
  const svg = at("scatter-svg");
  svg.addEventListener("pointermove", hover);
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("click", (event) => {
    hover(event);
    pin();
  });
  svg.addEventListener("keydown", walk);
  svg.addEventListener("blur", leave);
  at("scatter").hidden = false; // a hidden element has no width
  regroup();
  new ResizeObserver(() => {
    if (at("scatter-plot").clientWidth !== scatter.width) showScatter();
  }).observe(at("scatter-plot"));
  return true;
}
