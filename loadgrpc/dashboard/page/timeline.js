// The timeline of a run as columns: one array of numbers for each figure, as charts want them.
// Durations are nanoseconds, counts numbers, and null is what there is not. Windows in which
// nothing happened, which the protocol leaves out, are filled in.

import { epochMs, nanoseconds } from "./figures.js";

const TIMES = ["p50", "p90", "p95", "p99"];
const COUNTS = ["users", "planned", "started", "dropped", "waiting", "late"];
const MAX_FILLED = 600;
/** Paths whose value is null, not 0, in a window without anything. */
const ABSENT = /elapsed|response|lag|cpu/;

/** How each column is read from a window; the path is that of the field. */
const READ = {
  "hits.count": (window) => Number(window.hits?.count ?? 0),
  "hits.failed": (window) => Number(window.hits?.failed ?? 0),
  "hits.rate": (window) => Number(window.hits?.rate ?? 0),
  "hits.bytesSent": (window) => Number(window.hits?.bytesSent ?? 0),
  "hits.bytesReceived": (window) => Number(window.hits?.bytesReceived ?? 0),
  "lag.p99": (window) => time(window.lag, "p99"),
  "lag.max": (window) => time(window.lag, "max"),
  "cpu.avg": (window) => window.cpu?.avg ?? null,
  "cpu.max": (window) => window.cpu?.max ?? null,
};
for (const each of COUNTS) READ[each] = (window) => Number(window[each] ?? 0);
for (const each of TIMES) {
  READ[`hits.elapsed.${each}`] = (window) => time(window.hits?.elapsed, each);
  READ[`hits.response.${each}`] = (window) => time(window.hits?.response, each);
}
const PATHS = Object.keys(READ);

/** A point of ElapsedFigures; null: nothing was answered. */
function time(figures, point) {
  return nanoseconds(figures?.max) ? nanoseconds(figures[point]) : null;
}

/** See the module. `start` and `length` are seconds; `columns` are by path in TimelineWindow. */
export class Timeline {
  start = [];
  length = [];
  columns = Object.fromEntries(PATHS.map((path) => [path, []]));
  /** Of each window, how its times are distributed: `{first, counts}`; null: not known. */
  distribution = [];
  /** Grows with each change. */
  revision = 0;

  static ofWindows(windows) {
    const found = new Timeline();
    for (const window of windows) found.add(window);
    return found;
  }

  /** The hits of one name, `{name, method, scenario}`, of windows with series by name. */
  static ofName(windows, name) {
    const found = new Timeline();
    for (const { start, length, series = [] } of windows) {
      const own = series.find((each) => isOf(each, name));
      found.add({ start, length, ...own });
    }
    return found;
  }

  /** That of a frozen report. */
  static ofColumns({ start, resolution, length = [], columns, distribution }) {
    const found = new Timeline();
    start.forEach((at, index) => {
      const counts = distribution?.counts[index];
      found.#next(at, length[index] ?? resolution, {
        value: (path) => columns[path]?.[index] ?? null,
        distribution: counts ? { first: distribution.first, counts } : null,
      });
    });
    return found;
  }

  /** That of one name in a frozen report. */
  static ofSeries(timeline, name) {
    const series = (timeline.series ?? []).find((each) => isOf(each, name));
    if (!series) return new Timeline();
    const resolution = series.resolution ?? timeline.resolution;
    const length = series.length ?? [];
    const counts = series.columns["hits.count"] ?? [];
    const rates = counts.map((count, at) => (count ?? 0) / (length[at] ?? resolution));
    const columns = { "hits.rate": rates, ...series.columns };
    return Timeline.ofColumns({
      start: series.start ?? timeline.start,
      resolution,
      length,
      columns,
    });
  }

  get size() {
    return this.start.length;
  }

  /** When the last window ends, in seconds since 1970; null: there is none. */
  get end() {
    return this.size ? this.start[this.size - 1] + this.length[this.size - 1] : null;
  }

  /** Adds a window, or replaces the last one; one that lies before it is known already. */
  add(window) {
    this.#next(epochMs(window.start) / 1000, nanoseconds(window.length) / 1e9, {
      value: (path) => READ[path](window),
      distribution: counted(window.distribution),
    });
  }

  /** Takes the windows of another timeline instead of those in its time. */
  extend(other) {
    if (!other.size) return;
    const later = [];
    while (this.size && this.start[this.size - 1] >= other.start[0]) {
      const at = this.size - 1;
      if (this.start[at] >= other.end) later.unshift(this.#row(at));
      this.#pop();
    }
    const added = other.start.map((_, at) => other.#row(at));
    for (const { start, length, found } of [...added, ...later]) this.#next(start, length, found);
  }

  #row(at) {
    const values = Object.fromEntries(PATHS.map((path) => [path, this.columns[path][at]]));
    const found = { value: (path) => values[path], distribution: this.distribution[at] };
    return { start: this.start[at], length: this.length[at], found };
  }

  #next(start, length, found) {
    if (this.size && start < this.start[this.size - 1]) return;
    if (this.size && start === this.start[this.size - 1]) this.#pop();
    if (this.size) this.#fill(start, length);
    this.#push(start, length, found);
  }

  /** Windows in which nothing happened, up to `start`; of very many, the first and the last. */
  #fill(start, length) {
    const first = this.end;
    const missing = Math.round((start - first) / length);
    const nothing = { value: (path) => (ABSENT.test(path) ? null : 0), distribution: null };
    if (missing > MAX_FILLED) {
      this.#push(first, length, nothing);
      this.#push(start - length, length, nothing);
      return;
    }
    for (let at = 0; at < missing; at += 1) this.#push(first + at * length, length, nothing);
  }

  #push(start, length, { value, distribution }) {
    this.revision += 1;
    this.start.push(start);
    this.length.push(length);
    this.distribution.push(distribution);
    for (const path of PATHS) {
      const found = value(path);
      this.columns[path].push(found === null && !ABSENT.test(path) ? 0 : found);
    }
  }

  #pop() {
    this.revision += 1;
    for (const column of [
      this.start,
      this.length,
      this.distribution,
      ...Object.values(this.columns),
    ]) {
      column.pop();
    }
  }

  /** A column. */
  of(path) {
    return this.columns[path];
  }

  /** A count, per second. */
  perSecond(path) {
    return this.columns[path].map((value, at) => value / this.length[at]);
  }

  /** Response times, which are the service times where a window does not have them apart. */
  response(point) {
    const service = this.columns[`hits.elapsed.${point}`];
    return this.columns[`hits.response.${point}`].map((value, at) => value ?? service[at]);
  }

  /** Whether any window has something other than 0 there. */
  has(path) {
    return this.columns[path].some((value) => value);
  }
}

function isOf(series, name) {
  return ["name", "method", "scenario", "protocol"].every(
    (each) => (series[each] ?? "") === (name[each] ?? ""),
  );
}

function counted(distribution) {
  return distribution
    ? { first: distribution.first, counts: distribution.counts.map(Number) }
    : null;
}

const LENGTHS = [1, 10, 60, 600, 3600];

/** The shortest length of windows that shows a span of seconds in at most `most` of them. */
export function resolutionFor(seconds, most = 400) {
  return LENGTHS.find((each) => seconds / each <= most) ?? LENGTHS[LENGTHS.length - 1];
}
