// One chart over time, drawn by uPlot: lines, a legend with the values at the cursor, limits with
// the spans in which they did not hold, and marks of what happened. Beneath it, for whoever does
// not see it, the same as a table.

import { el } from "./element.js";
import { clock, dateOf, moment, timeOfDay } from "./figures.js";
import { oneLine } from "./text.js";

const HEIGHT = 190;
const NARROW = 420;
const DAY_S = 86400;
/** Steps of an axis that counts from the start of a run, in seconds. */
const STEPS_S = [
  1,
  2,
  5,
  10,
  15,
  30,
  60,
  120,
  300,
  600,
  900,
  1800,
  3600,
  7200,
  14400,
  21600,
  43200,
  DAY_S,
];
/** How far above the largest value a limit may lie to be shown: further up, lines were flat. */
const LIMIT_ROOM = 3;
/** Characters of the text at a limit. */
const MOST_LABEL = 60;
/** Spans in which a limit did not hold that are told in words. */
const MOST_SPANS = 5;
const MARK_COLOURS = { bad: "--bad", load: "--blue", note: "--quiet" };

/** A colour of the theme as it is now: `#rrggbb`, which two more digits make transparent. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/**
 * See the module. `lines`: `[{label, colour, dash, fill, stepped, spans, width}]`; `format` makes
 * text of a value, `tick` one of a value at the axis; `heat` paints beneath the lines.
 */
export class Chart {
  data = null;
  limits = [];

  constructor(
    group,
    { title, hint = "", lines, format, tick = format, logarithmic = false, heat = null },
  ) {
    Object.assign(this, { group, title, lines, format, tick, logarithmic, heat });
    this.area = el("div", { class: "plot", role: "img", tabindex: "0", "aria-label": title });
    this.area.chart = this;
    this.area.addEventListener("keydown", (event) => this.#key(event));
    this.table = el("div", { class: "scroll" });
    this.details = el(
      "details",
      { class: "as-table" },
      el("summary", {}, "As a table"),
      this.table,
    );
    this.details.addEventListener("toggle", () => this.#tabulate());
    this.element = el(
      "figure",
      { class: "chart" },
      el(
        "figcaption",
        {},
        el("span", { class: "chart-title" }, title),
        " ",
        el("span", { class: "quiet" }, hint),
      ),
      this.area,
      this.details,
    );
  }

  /** Shows values: `x` in seconds, one array for each line, and limits: see `limitsOf`. */
  show(x, values, limits = []) {
    this.data = [x, ...values];
    this.limits = limits;
    this.element.hidden = x.length === 0;
    if (this.plot) this.redraw();
    else this.#build();
    this.#describe();
    if (this.details.open) this.#tabulate();
  }

  resize(width) {
    this.width = Math.floor(width);
    if (this.plot && this.width) this.plot.setSize({ width: this.width, height: this.#height() });
    else this.#build();
  }

  redraw() {
    this.plot?.setData(this.data);
    this.#last();
  }

  /** Without a cursor the legend has the values of the last window. */
  #last() {
    const { plot } = this;
    if (plot && (plot.cursor.idx ?? null) === null)
      plot.setLegend({ idx: this.data[0].length - 1 });
  }

  rebuild() {
    this.close();
    this.#build();
  }

  close() {
    this.plot?.destroy();
    this.plot = null;
  }

  #height() {
    return this.width < NARROW ? HEIGHT - 30 : HEIGHT;
  }

  #build() {
    if (!this.width || !this.data?.[0].length || this.plot) return;
    this.plot = new uPlot(this.#options(), this.data, this.area);
    this.#last();
  }

  #options() {
    const quiet = colour("--quiet");
    const axis = {
      stroke: quiet,
      font: "12px system-ui, sans-serif",
      grid: { stroke: colour("--grid"), width: 1 },
      ticks: { stroke: colour("--grid"), width: 1, size: 4 },
    };
    const { group } = this;
    return {
      width: this.width,
      height: this.#height(),
      padding: [10, 26, 0, 0],
      cursor: {
        y: false,
        sync: {
          key: group.key,
          setSeries: false,
          filters: { pub: (type) => type.startsWith("mousemove") || type === "mouseleave" },
        },
        drag: { x: true, y: false, setScale: false },
        points: { size: 6 },
        bind: { dblclick: () => () => group.reset() },
      },
      scales: {
        x: {
          time: !group.relative,
          range: (_, least, most) => group.range ?? [least, most > least ? most : least + 1],
        },
        y: this.logarithmic
          ? { distr: 3, range: () => this.heat.range() }
          : { range: (_, __, most) => [0, this.#most(most)] },
      },
      series: [
        { label: "time", value: (_, at) => (at === null ? "" : this.#time(at)) },
        ...this.lines.map((line) => this.#series(line)),
      ],
      axes: [
        {
          ...axis,
          ...(group.relative ? { incrs: STEPS_S } : {}),
          size: 26,
          space: 70,
          values: (_, splits, __, ___, step) => this.#times(splits, step),
        },
        {
          ...axis,
          ...(this.heat ? { splits: () => this.heat.splits(), filter: (_, splits) => splits } : {}),
          size: 66,
          space: 34,
          values: (_, splits) => splits.map((value) => (value === null ? "" : this.tick(value))),
        },
      ],
      hooks: {
        drawClear: this.heat ? [(plot) => clipped(plot, () => this.heat.paint(plot))] : [],
        draw: [(plot) => clipped(plot, () => this.#paint(plot))],
        setSelect: [(plot) => this.#selected(plot)],
        setCursor: [(plot) => this.#moved(plot)],
      },
    };
  }

  #series({ label, colour: name, dash, fill, stepped, spans = false, width = 1.5 }) {
    const stroke = colour(name);
    return {
      label,
      stroke,
      width,
      dash,
      spanGaps: spans,
      fill: fill ? `${stroke}24` : undefined,
      paths: stepped ? uPlot.paths.stepped({ align: 1 }) : undefined,
      points: { size: 4 },
      value: (_, value) => (value === null || value === undefined ? "–" : this.format(value)),
    };
  }

  #most(most) {
    const room = (most || 0) * LIMIT_ROOM;
    const shown = this.limits.map((limit) => limit.value).filter((value) => value <= room);
    return Math.max(most || 0, ...shown) * 1.06 || 1;
  }

  /** When something was: with its date, if the chart shows several days. */
  #time(at) {
    if (this.group.relative) return clock(at * 1e9);
    const [x] = this.data;
    const oneDay = dateOf(x[0] * 1000) === dateOf(x[x.length - 1] * 1000);
    return oneDay ? timeOfDay(at * 1000) : moment(at * 1000);
  }

  #times(splits, step) {
    if (this.group.relative) return splits.map((at) => clock(at * 1e9));
    return splits.map((at, index) => {
      const text = timeOfDay(at * 1000);
      const newDay =
        index === 0 ? step >= DAY_S : dateOf(at * 1000) !== dateOf(splits[index - 1] * 1000);
      if (newDay) return dateOf(at * 1000).slice(5);
      return step >= 60 ? text.slice(0, 5) : text;
    });
  }

  /** Limits, the spans in which they did not hold, and marks. */
  #paint(plot) {
    const { ctx, bbox } = plot;
    for (const { value, text, failed, spans } of this.limits) {
      ctx.fillStyle = `${colour(failed ? "--bad" : "--amber")}1f`;
      for (const [from, to] of spans) {
        const left = plot.valToPos(from, "x", true);
        ctx.fillRect(left, bbox.top, Math.max(plot.valToPos(to, "x", true) - left, 2), bbox.height);
      }
      const y = plot.valToPos(value, "y", true);
      stroke(ctx, failed ? "--bad" : "--good", [6, 4], [bbox.left, y], [bbox.left + bbox.width, y]);
      label(ctx, oneLine(text).slice(0, MOST_LABEL), failed ? "--bad" : "--good", bbox.left + 4, y);
    }
    for (const { at, kind } of this.group.marks) {
      const x = Math.round(plot.valToPos(at, "x", true)) + 0.5;
      stroke(
        ctx,
        MARK_COLOURS[kind] ?? "--quiet",
        [2, 3],
        [x, bbox.top],
        [x, bbox.top + bbox.height],
      );
    }
  }

  #moved(plot) {
    this.group.look(plot.cursor.left, (at) => plot.valToPos(at, "x"));
    if (plot === this.plot) this.#last();
  }

  #selected(plot) {
    const { left, width } = plot.select;
    if (width < 4) return;
    const range = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.group.zoom(...range);
  }

  #key(event) {
    if (!this.plot || event.ctrlKey || event.metaKey || event.altKey) return;
    const { min, max } = this.plot.scales.x;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) this.#step(step);
    else if (!this.group.pressed(event.key, [min, max])) return;
    event.preventDefault();
  }

  /** Moves the cursor to the next window. */
  #step(by) {
    const { plot } = this;
    const last = this.data[0].length - 1;
    const at = Math.min(Math.max((plot.cursor.idx ?? (by > 0 ? -1 : last + 1)) + by, 0), last);
    plot.setCursor({ left: plot.valToPos(this.data[0][at], "x"), top: plot.bbox.height / 4 });
  }

  #describe() {
    const [x, ...values] = this.data;
    if (!x.length) return;
    const told = this.lines.map(({ label }, at) => {
      const known = values[at].filter((value) => value !== null && value !== undefined);
      if (!known.length) return `${label}: none`;
      const most = known.reduce((a, b) => Math.max(a, b));
      return `${label}: last ${this.format(known[known.length - 1])}, largest ${this.format(most)}`;
    });
    const limits = this.limits.map(
      ({ text, failed, spans }) =>
        `limit ${text} ${failed ? "did not hold" : "holds"}${this.#when(spans)}`,
    );
    const span = `${this.#time(x[0])} to ${this.#time(x[x.length - 1])}`;
    const label = `${this.title}, ${span}. ${[...told, ...limits].join("; ")}`;
    if (this.area.getAttribute("aria-label") !== label) this.area.setAttribute("aria-label", label);
  }

  /** When a limit did not hold, in words. */
  #when(spans) {
    if (!spans.length) return "";
    const told = spans
      .slice(0, MOST_SPANS)
      .map(([from, to]) => `${this.#time(from)} to ${this.#time(to)}`);
    const left = spans.length - told.length;
    return `, failed ${told.join(", ")}${left ? ` and ${left} more times` : ""}`;
  }

  #tabulate() {
    if (!this.details.open || !this.data) {
      this.table.replaceChildren();
      return;
    }
    const [x, ...values] = this.data;
    const text = (value) => (value === null || value === undefined ? "–" : this.format(value));
    const head = ["time", ...this.lines.map((line) => line.label)];
    this.table.setAttribute("tabindex", "0");
    this.table.setAttribute("role", "region");
    this.table.setAttribute("aria-label", `${this.title}, as a table`);
    this.table.replaceChildren(
      el(
        "table",
        {},
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            head.map((each) => el("th", { scope: "col" }, each)),
          ),
        ),
        el(
          "tbody",
          {},
          x.map((at, row) =>
            el(
              "tr",
              {},
              el("th", { scope: "row" }, this.#time(at)),
              values.map((column) => el("td", { class: "figure" }, text(column[row]))),
            ),
          ),
        ),
      ),
    );
  }
}

/** Paints, only within the area of a plot. */
function clipped({ ctx, bbox }, paint) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  paint();
  ctx.restore();
}

/** A text above a line, on a ground of its own, so that it can be read across other lines. */
function label(ctx, text, name, x, y) {
  const height = 13 * devicePixelRatio;
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.fillStyle = `${colour("--card")}d0`;
  ctx.fillRect(x, y - height - 2, ctx.measureText(text).width + 6, height);
  ctx.fillStyle = colour(name);
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  ctx.fillText(text, x + 3, y - 5 * devicePixelRatio);
}

function stroke(ctx, name, dash, from, to) {
  ctx.strokeStyle = colour(name);
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash(dash.map((each) => each * devicePixelRatio));
  ctx.beginPath();
  ctx.moveTo(...from);
  ctx.lineTo(...to);
  ctx.stroke();
}
