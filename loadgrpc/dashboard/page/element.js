// Elements of the page. Rule: text becomes text nodes, never markup, wherever it comes from.

/** An element: `el("p", {class: "quiet", on: {click}}, "text", child)`; null is left out. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for a drawing. */
function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, handler] of Object.entries(value))
        element.addEventListener(event, handler);
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(
    ...children.flat().filter((child) => child !== null && child !== false && child !== undefined),
  );
  return element;
}

/** A link to a run. Halves of characters, of which no address can be made, do not hinder others. */
export function runLink(runId, text) {
  const id = encodeURIComponent(runId.replace(/\p{Cs}/gu, "\ufffd"));
  return el("a", { href: `#/runs/${id}` }, text);
}

/** Names and what belongs to them, pairs of texts, as the content of a list of descriptions. */
export function described(facts) {
  return facts.map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", {}, text)));
}

/** Sets the text of an element, if it is another one: nothing moves without need. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A button. */
export function button(text, click, attributes = {}) {
  return el("button", { type: "button", ...attributes, on: { click } }, text);
}

let lastId = 0;

/** An id that no other element has. */
export function freshId(stem) {
  lastId += 1;
  return `${stem}-${lastId}`;
}

const SPARK_WIDTH = 96;
const SPARK_HEIGHT = 24;
const SPARK_POINTS = 60;

/** How a figure went, as a small line; empty where there is nothing to see. For eyes only. */
export function sparkline(values) {
  const shown = thinned(values);
  const drawing = svg("svg", {
    class: "spark",
    viewBox: `0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}`,
    "aria-hidden": "true",
    preserveAspectRatio: "none",
  });
  const most = Math.max(...shown, 0);
  if (shown.length < 2 || !most) return drawing;
  const points = shown.map((value, at) => {
    const x = (at / (shown.length - 1)) * SPARK_WIDTH;
    const y = SPARK_HEIGHT - 1.5 - (value / most) * (SPARK_HEIGHT - 3);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  drawing.append(svg("polyline", { points: points.join(" ") }));
  return drawing;
}

/** At most SPARK_POINTS values: the largest of each stretch, so that no peak is lost. */
function thinned(values) {
  const numbers = values.map((value) => value ?? 0);
  const each = Math.ceil(numbers.length / SPARK_POINTS);
  if (each <= 1) return numbers;
  const found = [];
  for (let at = 0; at < numbers.length; at += each)
    found.push(Math.max(...numbers.slice(at, at + each)));
  return found;
}
