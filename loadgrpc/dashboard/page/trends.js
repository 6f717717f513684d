// How the rate of each run in the list went, as numbers for a small line. The newest runs only, one
// after another, and those that are over only once: the list stays cheap.

import { tookMs } from "./figures.js";
import { isOver } from "./state.js";
import { resolutionFor } from "./timeline.js";

/** As many as the list has figures of. */
const MOST_RUNS = 100;
const POINTS = 60;
const MOST_KEPT = 1000;
/** The list is drawn again after this many. */
const TOGETHER = 10;

/** See the module. `changed()` is called when there are others. */
export class Trends {
  found = new Map();
  busy = false;
  closed = false;

  constructor(source, changed) {
    Object.assign(this, { source, changed });
  }

  close() {
    this.closed = true;
  }

  /** The rates of a run; empty: not known. */
  of({ runId }) {
    return this.found.get(runId)?.rates ?? [];
  }

  /** Looks for those of the first of some runs. */
  async look(runs) {
    if (this.busy) return;
    this.busy = true;
    if (this.found.size > MOST_KEPT) this.found.clear();
    const wanted = runs
      .filter((run) => run.startTime)
      .slice(0, MOST_RUNS)
      .filter((run) => !this.found.get(run.runId)?.over);
    for (const [at, run] of wanted.entries()) {
      const found = await this.#ratesOf(run);
      if (this.closed) return;
      this.found.set(run.runId, found);
      if ((at + 1) % TOGETHER === 0 || at + 1 === wanted.length) this.changed();
    }
    this.busy = false;
  }

  async #ratesOf(run) {
    try {
      const resolution = resolutionFor(tookMs(run) / 1000, POINTS);
      const timeline = await this.source.timeline(run.runId, { resolution, plain: true });
      return { rates: [...timeline.of("hits.rate")], over: isOver(run) };
    } catch {
      return { rates: [], over: true }; // such as of one that was deleted
    }
  }
}
