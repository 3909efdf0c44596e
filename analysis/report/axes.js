// Axes: round ticks, and the way from a value to a pixel.

function ticksBetween(low, high, about) {
  const rough = (high - low) / Math.max(1, about);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) || 10);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1) {
    ticks.push(Number((k * step).toPrecision(12)));
  }
  return ticks;
}

// A scale over all values, a little wider than they are, from pixel `start` to pixel `end`.
function scaleOver(values, [start, end], about) {
  let low = Math.min(...values);
  let high = Math.max(...values);
  const room = high > low ? 0.04 * (high - low) : Math.abs(low) * 0.05 || 1;
  low -= room;
  high += room;
  const at = (v) => start + ((end - start) * (v - low)) / (high - low);
  return { at, ticks: ticksBetween(low, high, about) };
}

// A scale over few values, with room for a column of points around each, and how wide that is.
function scaleOverLevels(levels, [start, end]) {
  const margin = (end - start) / (2 * levels.length);
  const [low, high] = [levels[0], levels[levels.length - 1]];
  const at = (v) => (low === high ? (start + end) / 2 : start + margin + ((end - start - 2 * margin) * (v - low)) / (high - low));
  const gaps = levels.slice(1).map((v, k) => at(v) - at(levels[k]));
  return { at, ticks: levels, room: Math.min(200, 0.85 * Math.min(2 * margin, ...gaps)) };
}

function tickText(value) {
  return value.toLocaleString("en", { maximumSignificantDigits: 4 }).replace("-", "\u2212");
}

function drawAxes(box, x, y, labels) {
  const { left, right, top, bottom } = box;
  const group = draw("g", { class: "axes" });
  for (const tick of x.ticks) {
    group.append(
      draw("line", { x1: x.at(tick), x2: x.at(tick), y1: top, y2: bottom, class: "gridline" }),
      draw("text", { x: x.at(tick), y: bottom + 17, "text-anchor": "middle" }, tickText(tick)),
    );
  }
  for (const tick of y.ticks) {
    group.append(
      draw("line", { x1: left, x2: right, y1: y.at(tick), y2: y.at(tick), class: "gridline" }),
      draw("text", { x: left - 7, y: y.at(tick) + 4, "text-anchor": "end" }, tickText(tick)),
    );
  }
  const middle = (top + bottom) / 2;
  group.append(
    draw("path", { d: `M${left} ${top}V${bottom}H${right}`, class: "frame" }),
    draw("text", { x: (left + right) / 2, y: bottom + 38, "text-anchor": "middle", class: "label" }, labels[0]),
    draw("text", { transform: `translate(14 ${middle}) rotate(-90)`, "text-anchor": "middle", class: "label" }, labels[1]),
  );
  return group;
}
