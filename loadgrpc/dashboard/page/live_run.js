// A run as the page knows it, kept up to date while it is active.
//
// State, figures and closed seconds come over one stream; the summary is asked for every two
// seconds, and the distribution of times every five. A page that nobody looks at asks for nothing;
// when somebody looks again, it fetches what it has missed.

import { tookMs } from "./figures.js";
import { isOver } from "./state.js";
import { resolutionFor, Timeline } from "./timeline.js";

const SUMMARY_MS = 2000;
const WINDOWS_MS = 5000;
/** What closed while the stream was opened is fetched this soon. */
const FIRST_MS = 1500;
/** Figures are asked for at most this share of the time: a large summary less often. */
const SHARE = 0.2;
/** Windows fetched again each time: hits that were reported late are in them then. */
const AGAIN = 12;
/** A zoom is followed by finer windows once it stays. */
const LOOK_MS = 200;
const OLD_MS = 700;
const MOST_TRIES = 10;

/** See the module. `changed()` is called after each change. */
export class LiveRun {
  run = null;
  summary = null;
  progress = null;
  timeline = new Timeline();
  changes = [];
  /** Why it is not up to date, as a sentence; empty: it is. */
  away = "";
  /** The name whose hits the timeline is of; null: of all. */
  name = null;
  /** The span that is looked at, in seconds since 1970; null: all. */
  range = null;
  /** Whether the timeline is that of `range` alone. */
  part = false;

  constructor(source, runId, changed) {
    Object.assign(this, { source, runId, changed });
    this.timers = new Map();
    this.unwatch = null;
    this.closed = false;
    this.seen = () => this.#seen();
  }

  /** Loads all of it, and keeps it up to date from then on. */
  async open() {
    await this.#load();
    if (this.closed) return;
    this.changed();
    if (this.active) {
      document.addEventListener("visibilitychange", this.seen);
      if (!document.hidden) this.#follow();
    }
  }

  close() {
    this.closed = true;
    document.removeEventListener("visibilitychange", this.seen);
    this.#rest();
  }

  get active() {
    return !this.source.frozen && !isOver(this.run);
  }

  /** The timeline becomes that of a name, or of all hits (null). */
  async choose(name) {
    this.name = name;
    await this.#reload();
  }

  /** Looks at a span of time, with windows as short as there are; null: at all of it. */
  look(range) {
    this.range = range;
    const wasPart = this.part;
    this.part =
      range !== null && resolutionFor(range[1] - range[0]) < resolutionFor(this.#length());
    if (this.source.frozen || !(this.part || wasPart)) return;
    this.#again("look", LOOK_MS, () => this.#attempt(() => this.#reload()));
  }

  async #load() {
    const { source, runId } = this;
    const [run, summary, changes] = await Promise.all([
      source.run(runId),
      source.summary(runId),
      source.changes(runId),
    ]);
    Object.assign(this, { run, summary, changes });
    this.timeline = await this.#fetched();
  }

  /** How long the run is so far, in seconds. */
  #length() {
    return tookMs(this.summary) / 1000;
  }

  /** Windows from a moment on, or of what is looked at; both in seconds since 1970. */
  #fetched(from = null) {
    if (!this.part) {
      this.resolution = resolutionFor(this.#length());
      return this.#windowsOf(from, null);
    }
    const [least, most] = this.range;
    this.resolution = resolutionFor(most - least);
    const beside = (most - least) / 2;
    return this.#windowsOf(least - beside, most + beside);
  }

  #windowsOf(from, to) {
    const moment = (seconds) => (seconds === null ? null : new Date(seconds * 1000).toISOString());
    const { resolution, name } = this;
    return this.source.timeline(this.runId, {
      resolution,
      name,
      from: moment(from),
      to: moment(to),
    });
  }

  async #reload() {
    const wanted = this.name;
    const found = await this.#fetched();
    if (this.closed || wanted !== this.name) return;
    this.timeline = found;
    this.changed();
  }

  #follow() {
    this.unwatch = this.source.watch(this.runId, {
      update: (message) => this.#update(message),
      gap: () => this.#again("windows", 0, () => this.#windows()),
      away: (why) => {
        if (this.away === why) return;
        this.away = why;
        this.changed();
      },
      over: () => this.#over(),
    });
    this.#again("summary", SUMMARY_MS, () => this.#figures());
    this.#again("windows", FIRST_MS, () => this.#windows());
  }

  #rest() {
    this.unwatch?.();
    this.unwatch = null;
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }

  /** Somebody looks at the page again, or nobody does any more. */
  async #seen() {
    this.#rest();
    if (document.hidden) return;
    await this.#attempt(() => this.#load());
    if (this.closed) return;
    this.changed();
    if (this.active && !document.hidden && !this.unwatch) this.#follow();
  }

  #again(what, ms, run) {
    clearTimeout(this.timers.get(what));
    this.timers.set(what, setTimeout(run, ms));
  }

  #update({ run, progress, window, change }) {
    if (run) this.run = run;
    if (progress) this.progress = progress;
    if (change && !this.changes.some((each) => each.sequence === change.sequence))
      this.changes.push(change);
    if (window && !this.name && !this.part && this.resolution === 1) this.timeline.add(window);
    this.changed();
  }

  async #figures() {
    const before = performance.now();
    await this.#attempt(async () => {
      this.summary = await this.source.summary(this.runId);
      if (!this.closed) this.changed();
    });
    const took = performance.now() - before;
    if (!this.closed && this.unwatch)
      this.#again("summary", Math.max(SUMMARY_MS, took / SHARE), () => this.#figures());
  }

  async #windows() {
    await this.#attempt(async () => {
      if (this.part) return;
      if (resolutionFor(this.#length()) !== this.resolution) {
        await this.#reload();
        return;
      }
      const wanted = this.name;
      const { start, size } = this.timeline;
      const found = await this.#fetched(size ? start[Math.max(size - AGAIN, 0)] : null);
      if (this.closed || wanted !== this.name) return;
      this.timeline.extend(found);
      this.changed();
    });
    if (!this.closed && this.unwatch)
      this.#again("windows", this.name ? SUMMARY_MS : WINDOWS_MS, () => this.#windows());
  }

  /**
   * The run is over: everything is fetched once more, as it stays. Answers may be a second old, as
   * many viewers share them: an older one is asked for again.
   */
  async #over(tries = 1) {
    this.#rest();
    this.progress = null;
    await this.#attempt(() => this.#load());
    if (this.closed) return;
    this.changed();
    const old = !isOver(this.run) || !isOver(this.summary);
    if (old && tries < MOST_TRIES) this.#again("over", OLD_MS, () => this.#over(tries + 1));
  }

  /** Does something that needs the server; what goes wrong is shown, and does not end the page. */
  async #attempt(work) {
    try {
      await work();
    } catch (error) {
      this.away = error.message;
      if (!this.closed) this.changed();
    }
  }
}
