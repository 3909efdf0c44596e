// Networks as lists: their texts, and everything about them that is a number.

const ROWS = Array.from({ length: DATA.shown }, (_, row) => row);
const TEXTS = new Map(DATA.identity.map(({ name, texts, codes }) => [name, codes.map((c) => texts[c])]));

// Thousandths of the unit, and the distances to the ends of the interval, as numbers.
function decoded(outcome) {
  const value = outcome.value.map((v) => (v === null ? null : v / 1000));
  const low = outcome.value.map((v, k) => (v === null ? null : (v - outcome.down[k]) / 1000));
  const high = outcome.value.map((v, k) => (v === null ? null : (v + outcome.up[k]) / 1000));
  return { ...outcome, key: `outcome ${outcome.name}`, value, low, high };
}

const OUTCOMES = DATA.outcomes.map(decoded);
const FACTORS = DATA.factors.map((f) => ({ ...f, key: `factor ${f.name}`, value: f.values, low: null, high: null }));
const MEASURES = new Map([...FACTORS, ...OUTCOMES].map((measure) => [measure.key, measure]));
const SCORED = OUTCOMES.filter((o) => !o.condition);

function text(name, row) {
  return TEXTS.get(name)[row];
}

// Digits as Python rounds them, exact ties to the even one: the tables without scripts say the same.
function fixed(value, digits) {
  const scaled = value * 10 ** digits;
  const tie = (value * 8) % 1 === 0 && Math.abs(scaled % 1) === 0.5;
  const text = (tie ? (2 * Math.round(scaled / 2)) / 10 ** digits : value).toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

function digitsOf(measure) {
  return measure.unit === "%" ? 1 : 2;
}

function shown(measure, row) {
  const value = measure.value[row];
  if (value === null) return "-";
  if (measure.low === null) return Number(value.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 });
  return fixed(value, digitsOf(measure));
}

function interval(measure, row) {
  if (measure.low === null || measure.value[row] === null) return "";
  return `[${fixed(measure.low[row], digitsOf(measure))}, ${fixed(measure.high[row], digitsOf(measure))}]`;
}

function distinct(values) {
  return [...new Set(values.filter((v) => v !== null))];
}

// Everything that is known of one network.
function describe(row) {
  const list = (title, measures) => {
    const pairs = measures
      .filter((m) => m.value[row] !== null)
      .map((m) => make("div", {}, make("dt", {}, m.label), make("dd", {}, `${shown(m, row)} ${interval(m, row)}`.trim())));
    return make("section", {}, make("h4", {}, title), make("dl", {}, ...pairs));
  };
  const told = ["family", "weights", "technique", "seed", "design"].filter((name) => text(name, row));
  const identity = told.map((name) => make("div", {}, make("dt", {}, name), make("dd", { class: "text" }, text(name, row))));
  return make(
    "div",
    { class: "about" },
    make("section", {}, make("h4", {}, "Network ", make("code", {}, text("id", row))), make("dl", {}, ...identity)),
    list("Outcomes, with 95 % intervals over images", SCORED),
    list("Whole network", FACTORS.filter((f) => !f.stage)),
    list("Per stage", FACTORS.filter((f) => f.stage)),
  );
}
