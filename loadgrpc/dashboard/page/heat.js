// The heat map of response times: time to the right, times upwards (logarithmic), and the more hits
// a cell has, the stronger its colour. Buckets are the broker's: 8 to a factor of two, where bucket
// i has the values above 2^(i/8) and up to 2^((i+1)/8) nanoseconds.

import { colour } from "./chart.js";

const PER_OCTAVE = 8;
/** Cells are not narrower than this: neighbours are added up. */
const LEAST_PX = 3;
const NOTHING = [1e6, 1e9];

function bound(bucket) {
  return 2 ** (bucket / PER_OCTAVE);
}

/** See the module. A chart paints it beneath its lines, within its area. */
export class Heat {
  timeline = null;

  show(timeline) {
    this.timeline = timeline;
    const found = timeline.distribution.filter((each) => each?.counts.length);
    this.first = Math.min(...found.map((each) => each.first));
    this.last = Math.max(...found.map((each) => each.first + each.counts.length));
    this.known = found.length > 0;
  }

  /** From which time to which the axis goes, in nanoseconds. */
  range() {
    return this.known ? [bound(this.first - 1), bound(this.last + 1)] : NOTHING;
  }

  /** Where the axis has its marks: 1, 2 and 5 of each power of ten. */
  splits() {
    const [least, most] = this.range();
    const found = [];
    for (let power = 10 ** Math.floor(Math.log10(least)); power <= most; power *= 10) {
      found.push(...[1, 2, 5].map((each) => each * power));
    }
    return found.filter((each) => each >= least && each <= most);
  }

  paint(plot) {
    if (!this.known) return;
    const columns = this.#columns(plot);
    const most = columns.reduce((found, { rates }) => Math.max(found, ...rates.values()), 0);
    const { ctx } = plot;
    ctx.fillStyle = colour("--heat");
    for (const { left, right, rates } of columns) {
      for (const [bucket, rate] of rates) {
        const top = Math.floor(plot.valToPos(bound(bucket + 1), "y", true));
        const bottom = Math.floor(plot.valToPos(bound(bucket), "y", true));
        ctx.globalAlpha = 0.08 + 0.92 * Math.sqrt(rate / most);
        ctx.fillRect(left, top, Math.max(right - left, 1), Math.max(bottom - top, 1));
      }
    }
  }

  /** Windows that lie beside each other, added up so that each is wide enough to be seen. */
  #columns(plot) {
    const { start, length, distribution } = this.timeline;
    const { min, max } = plot.scales.x;
    const found = [];
    let current = null;
    for (let at = 0; at < start.length; at += 1) {
      const counts = distribution[at];
      const end = start[at] + length[at];
      if (!counts || end < min || start[at] > max) continue;
      const left = Math.floor(plot.valToPos(start[at], "x", true));
      const right = Math.floor(plot.valToPos(end, "x", true));
      if (!current || left - current.left >= LEAST_PX * devicePixelRatio) {
        current = { left, right, seconds: 0, counts: new Map() };
        found.push(current);
      }
      current.right = right;
      current.seconds += length[at];
      counts.counts.forEach((count, index) => {
        const bucket = counts.first + index;
        if (count) current.counts.set(bucket, (current.counts.get(bucket) ?? 0) + count);
      });
    }
    for (const each of found) {
      each.rates = new Map(
        [...each.counts].map(([bucket, count]) => [bucket, count / each.seconds]),
      );
    }
    return found;
  }
}
