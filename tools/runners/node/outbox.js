// The sending end of PublishEvents: what was reported and is not acked.
//
// Rule: nothing here sends or waits. Events are numbered from 1; whoever owns the stream asks
// `next` until it is null, and tells what was answered. When users are faster than the stream for
// so long that too much is held, events are dropped and declared as skipped: users never wait.

const BATCH_EVENTS = 1000;
const MAX_HELD_EVENTS = 100_000;
const DROPPED = "the runner made events faster than they could be reported";
const FORGOTTEN = "acked once, and lost since by its receiver";

const within = (bound, size) => bound === 0 || size <= bound;

export class Outbox {
  produced = 0; // The last number.
  hits = 0;
  #encode;
  #pending = []; // Without a batch yet: events, and how many were dropped between them.
  #kept = []; // Numbered and not acked: batches and skips.
  #held = 0; // Events in both.
  #numbered = 0; // The last number of the kept.
  #ready = null; // What is still to be said, each with whether it was, on this stream.
  #finish = null;
  #limits = null; // Null: the stream is not open.
  #sent = 0; // How many of the kept were sent on this stream.

  // `encode` makes a PublishEventsRequest of what is said.
  constructor(encode) {
    this.#encode = encode;
  }

  // What the runner says

  add(event) {
    const hits = event.hit ? 1 : 0;
    this.produced += 1;
    this.hits += hits;
    if (this.#held < MAX_HELD_EVENTS) {
      this.#held += 1;
      this.#pending.push({ event });
    } else {
      if (!this.#pending.at(-1)?.dropped) this.#pending.push({ dropped: 0, hits: 0 });
      const last = this.#pending.at(-1);
      last.dropped += 1;
      last.hits += hits;
    }
  }

  ready(cycle) {
    this.#ready = { cycle, said: false };
  }

  finish(totals, load_error) {
    this.#finish = { message: { totals, load_error }, said: false };
  }

  // What may be sent now, serialised; null: nothing.
  next() {
    if (!this.#limits) return null;
    if (this.#ready && !this.#ready.said) {
      this.#ready.said = true;
      return this.#encode({ ready: { cycle: this.#ready.cycle } });
    }
    if (this.#sent === this.#kept.length && this.#pending.length) this.#cut();
    if (this.#sent < this.#kept.length) return this.#nextKept();
    if (this.#finish && !this.#finish.said) {
      this.#finish.said = true;
      return this.#encode({ finish: this.#finish.message });
    }
    return null;
  }

  // What the other side says

  opened(durable, limits) {
    this.closed();
    this.#limits = limits;
    this.acked(durable);
    const first = this.#kept[0];
    if (first?.events && first.first <= durable) {
      this.#kept[0] = this.#batch(durable + 1, first.events.slice(durable + 1 - first.first));
    }
    this.#bridge(durable + 1);
  }

  acked(durable) {
    while (this.#kept.length && this.#kept[0].last <= durable) {
      this.#held -= this.#kept.shift().events?.length ?? 0;
      this.#sent = Math.max(0, this.#sent - 1);
    }
  }

  gap(expected) {
    this.#bridge(expected);
    this.#sendAgain(this.#kept.findIndex((item) => item.last >= expected));
  }

  tooLarge(first) {
    const at = this.#kept.findIndex((item) => item.first === first);
    if (at < 0) return;
    this.#split(at);
    this.#sendAgain(at);
  }

  started(cycle) {
    if (this.#ready?.cycle <= cycle) this.#ready = null;
  }

  // The stream broke: on the next one all that is not acked is said again.
  closed() {
    this.#limits = null;
    if (this.#ready) this.#ready.said = false;
    this.#sendAgain(0);
  }

  #nextKept() {
    const item = this.#kept[this.#sent];
    if (item.events && !within(this.#limits.max_batch_bytes, item.bytes.length)) {
      this.#split(this.#sent);
      return this.#nextKept();
    }
    const unacked = this.#kept.slice(0, this.#sent).reduce((sum, one) => sum + one.bytes.length, 0);
    const room =
      within(this.#limits.max_unacked_batches, this.#sent + 1) &&
      within(this.#limits.max_unacked_bytes, unacked + item.bytes.length);
    if (this.#sent && !room) return null;
    this.#sent += 1;
    return item.bytes;
  }

  #sendAgain(at) {
    if (at >= 0) this.#sent = Math.min(this.#sent, at);
    if (this.#finish) this.#finish.said = false;
  }

  // Makes a batch of what is pending, or a skip.
  #cut() {
    const first = this.#numbered + 1;
    const next = this.#pending.slice(0, BATCH_EVENTS);
    const dropAt = next.findIndex((one) => one.dropped);
    if (dropAt === 0) {
      const { dropped, hits } = this.#pending.shift();
      this.#kept.push(this.#skip(first, dropped, DROPPED, hits));
    } else {
      const taken = this.#pending.splice(0, dropAt > 0 ? dropAt : next.length);
      const events = taken.map((one) => one.event);
      this.#kept.push(this.#batch(first, events));
    }
    this.#numbered = this.#kept.at(-1).last;
  }

  // Two batches for one that is too large; of a single event that is too large, a skip.
  #split(at) {
    const { first, events, bytes } = this.#kept[at];
    const half = Math.ceil(events.length / 2);
    if (events.length > 1) {
      const halves = [events.slice(0, half), events.slice(half)];
      const batches = [this.#batch(first, halves[0]), this.#batch(first + half, halves[1])];
      this.#kept.splice(at, 1, ...batches);
    } else {
      this.#held -= 1;
      const reason = `an event of ${bytes.length} bytes is too large`;
      this.#kept[at] = this.#skip(first, 1, reason, events[0].hit ? 1 : 0);
    }
  }

  // The other side asks for numbers that it had acked and has lost since.
  #bridge(expected) {
    const first = this.#kept[0]?.first ?? this.#numbered + 1;
    if (expected < first) this.#kept.unshift(this.#skip(expected, first - expected, FORGOTTEN, 0));
  }

  #batch(first, events) {
    const bytes = this.#encode({ batch: { first_sequence: first, events } });
    return { first, last: first + events.length - 1, events, bytes };
  }

  #skip(first, count, reason, hits) {
    const bytes = this.#encode({ skip: { first_sequence: first, count, reason, hits } });
    return { first, last: first + count - 1, bytes };
  }
}
