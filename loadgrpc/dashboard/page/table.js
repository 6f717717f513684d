// A table that can be sorted and filtered, and that is brought up to date in place: a row keeps its
// element, a cell is written only if its text is another one, and rows do not change places while
// somebody points at them.

import { button, el, freshId, say } from "./element.js";
import { counted } from "./figures.js";

const LIMIT = 100;
const ALPHABET = new Intl.Collator(undefined, { numeric: true });
const ARIA = { 1: "ascending", [-1]: "descending" };

function compared(a, b) {
  if (typeof a === "number" && typeof b === "number") {
    return (Number.isNaN(a) ? -Infinity : a) - (Number.isNaN(b) ? -Infinity : b);
  }
  return ALPHABET.compare(String(a), String(b));
}

/**
 * See the module. `columns`: `[{title, text, value, node, figure, hint, class}]`: `text(row)` is
 * what a cell says, `value(row)` what it is sorted by (default: its text), `node(row)` an element
 * instead of text, which `text` stands for, `figure` says that it is a number. `key(row)` names a
 * row; `bad(row)` marks it; `noun` is what rows are; `id` names the table in the page.
 */
export class Table {
  rows = [];
  made = new Map();
  sorted = null;
  wanted = "";

  constructor({
    id,
    title,
    columns,
    key,
    noun = "row",
    plural = undefined,
    bad = () => false,
    filter = false,
    level = "h2",
  }) {
    Object.assign(this, { title, columns, key, noun, plural, bad });
    this.most = LIMIT;
    const heading = freshId("heading");
    this.heading = el(level, { id: heading }, title);
    this.count = el("span", { class: "quiet count" });
    this.body = el("tbody");
    this.heads = columns.map((column, at) => this.#head(column, at));
    this.more = button("", () => this.#showAll(), { hidden: true });
    this.box = el(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": heading },
      el(
        "table",
        { "aria-labelledby": heading },
        el("thead", {}, el("tr", {}, this.heads)),
        this.body,
      ),
    );
    this.box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    const search = filter ? this.#search() : null;
    this.element = el(
      "section",
      { class: "table", "data-table": id },
      el("div", { class: "table-head" }, this.heading, this.count, search),
      this.box,
      this.more,
    );
    this.element.hidden = true;
  }

  /** Shows rows; without any, the table is hidden. */
  update(rows) {
    this.rows = rows;
    this.element.hidden = rows.length === 0;
    const held = this.box.matches(":hover") || this.box.contains(document.activeElement);
    this.#place({ held, fresh: true });
  }

  #search() {
    const input = el("input", {
      type: "search",
      placeholder: "Filter",
      "aria-label": `Filter: ${this.title}`,
      spellcheck: "false",
      on: {
        input: () => {
          this.wanted = input.value.toLowerCase();
          this.#fromTheTop();
        },
      },
    });
    return input;
  }

  #head({ title, figure, hint, node, value }, at) {
    const plain = node && !value;
    const inside = plain ? title : button(title, () => this.#sortBy(at), { title: hint });
    return el("th", { scope: "col", class: figure ? "figure" : null }, inside);
  }

  #sortBy(at) {
    const [last, direction] = this.sorted ?? [];
    const first = this.columns[at].figure ? -1 : 1;
    this.sorted = last === at ? [at, -direction] : [at, first];
    this.#markSorted();
    this.#fromTheTop();
  }

  #markSorted() {
    this.heads.forEach((head, at) => {
      if (this.sorted?.[0] === at) head.setAttribute("aria-sort", ARIA[this.sorted[1]]);
      else head.removeAttribute("aria-sort");
    });
  }

  #showAll() {
    this.most = Infinity;
    this.#place();
  }

  /** Rows are made as far as somebody scrolls: a thousand are sorted as quickly as a hundred. */
  #scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.box;
    if (this.more.hidden || scrollHeight - scrollTop - clientHeight > clientHeight) return;
    this.most += LIMIT;
    this.#place();
  }

  #fromTheTop() {
    this.most = LIMIT;
    this.box.scrollTop = 0;
    this.#place();
  }

  /** The rows that are shown, in their order. */
  #chosen() {
    let found = this.rows;
    if (this.wanted) {
      const has = (row) =>
        this.columns.some((column) => column.text(row).toLowerCase().includes(this.wanted));
      found = found.filter(has);
    }
    if (this.sorted) {
      const [at, direction] = this.sorted;
      const { value, text } = this.columns[at];
      const of = value ?? text;
      const keyed = found.map((row) => [of(row), row]);
      keyed.sort(([a], [b]) => direction * compared(a, b));
      found = keyed.map(([, row]) => row);
    }
    return found;
  }

  /**
   * Writes rows, all of them if they are fresh, and puts them in order; if `held`, those that
   * are shown stay where they are.
   */
  #place({ held = false, fresh = false } = {}) {
    const chosen = this.#chosen();
    const shown = chosen.slice(0, this.most);
    const made = new Map();
    const elements = shown.map((row) => {
      const key = this.key(row);
      const own = this.made.get(key) ?? this.#make();
      made.set(key, own);
      if (fresh || own.row !== row) this.#write(own, row);
      return own.element;
    });
    const here = new Set(elements);
    const stay =
      held &&
      this.body.children.length === elements.length &&
      [...this.body.children].every((each) => here.has(each));
    const before = [...this.body.children];
    const continued =
      before.length <= elements.length && before.every((each, at) => elements[at] === each);
    if (continued) this.body.append(...elements.slice(before.length));
    else if (!stay) this.body.replaceChildren(...elements);
    this.made = made;
    const left = chosen.length - shown.length;
    this.more.hidden = left <= 0;
    say(this.more, `Show all ${chosen.length}`);
    const of = this.wanted ? `${chosen.length} of ` : "";
    say(this.count, of + counted(this.rows.length, this.noun, this.plural));
  }

  #make() {
    const cells = this.columns.map((column, at) =>
      el(at === 0 ? "th" : "td", {
        scope: at === 0 ? "row" : null,
        class: column.figure ? "figure" : (column.class ?? null),
      }),
    );
    return { element: el("tr", {}, cells), cells, texts: [], row: null };
  }

  #write(made, row) {
    made.row = row;
    made.element.classList.toggle("bad", Boolean(this.bad(row)));
    this.columns.forEach(({ text, node }, at) => {
      const said = text(row);
      if (made.texts[at] === said) return;
      made.texts[at] = said;
      if (node) made.cells[at].replaceChildren(node(row) ?? "");
      else made.cells[at].textContent = said;
    });
  }
}
