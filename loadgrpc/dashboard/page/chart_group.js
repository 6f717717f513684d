// Charts on one time axis: they share the cursor, the zoom and the marks.
//
// Zoom: drag over a chart, or + and - on one that has the focus; double click, 0 or the button
// shows everything again.

import { button, el, say } from "./element.js";

let groups = 0;
const NEAR_PX = 6;
/** The shortest span that can be zoomed to, in seconds. */
const SHORTEST_S = 2;

/** See the module. */
export class ChartGroup {
  range = null;
  /** What happened, and when: `{at, text, kind}`; `at` as the axis has it, in seconds. */
  marks = [];
  charts = [];

  constructor({ relative = false, zoomed = () => {} } = {}) {
    groups += 1;
    this.key = `charts-${groups}`;
    this.relative = relative;
    this.zoomed = zoomed;
    this.note = el("span", { class: "note", "aria-live": "polite" });
    this.all = button("Whole time", () => this.reset(), { hidden: true });
    this.toolbar = el("div", { class: "chart-toolbar" }, this.note, this.all);
    this.grid = el("div", { class: "charts" });
    this.element = el("div", {}, this.toolbar, this.grid);
    this.sizes = new ResizeObserver((entries) => {
      for (const { target, contentRect } of entries) target.chart?.resize(contentRect.width);
    });
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.recolour = () => this.charts.forEach((chart) => chart.rebuild());
    this.dark.addEventListener("change", this.recolour);
  }

  /** Puts a chart into the group. */
  add(chart) {
    this.charts.push(chart);
    this.grid.append(chart.element);
    this.sizes.observe(chart.area);
  }

  /** Ends all charts. */
  close() {
    this.sizes.disconnect();
    this.dark.removeEventListener("change", this.recolour);
    for (const chart of this.charts) chart.close();
    this.charts = [];
    this.grid.replaceChildren();
  }

  /** Shows a span of time, in seconds, in all charts. */
  zoom(least, most) {
    if (most - least < SHORTEST_S) {
      const middle = (least + most) / 2;
      [least, most] = [middle - SHORTEST_S / 2, middle + SHORTEST_S / 2];
    }
    this.#set([least, most]);
  }

  /** Shows everything. */
  reset() {
    this.#set(null);
  }

  #set(range) {
    this.range = range;
    this.all.hidden = range === null;
    for (const chart of this.charts) chart.redraw();
    this.zoomed(range);
  }

  /** What a key does on a chart that has the focus; whether it does anything. */
  pressed(key, [least, most]) {
    const width = most - least;
    const moves = {
      "+": [least + width / 4, most - width / 4],
      "=": [least + width / 4, most - width / 4],
      "-": [least - width / 2, most + width / 2],
    };
    if (key === "0" || key === "Escape") this.reset();
    else if (moves[key]) this.zoom(...moves[key]);
    else return false;
    return true;
  }

  /** Says which mark is at the cursor, which is so many pixels into a plot. */
  look(left, position) {
    const near =
      left < 0 ? [] : this.marks.filter((mark) => Math.abs(position(mark.at) - left) <= NEAR_PX);
    say(this.note, near.map((mark) => mark.text).join(" · "));
  }
}
