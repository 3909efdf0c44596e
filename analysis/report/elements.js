// The data of the page, and how elements are made. Texts of a results file only ever become text
// nodes or attributes: nothing here parses markup.

const DATA = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function at(id) {
  return document.getElementById(id);
}

// Options of a select, in groups where a group has a name: [[name, [[value, text], ...]], ...].
function offer(select, groups) {
  for (const [name, options] of groups) {
    if (!options.length) continue;
    const made = options.map(([value, text]) => make("option", { value }, text));
    if (name) select.append(make("optgroup", { label: name }, ...made));
    else select.append(...made);
  }
}

function whole(number) {
  return number.toLocaleString("en");
}

function counted(number, noun) {
  return `${whole(number)} ${noun}${number === 1 ? "" : "s"}`;
}
