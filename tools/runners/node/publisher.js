// The stream to the home of our events: what is reported goes out, orders come in.
//
// Rule: a stream that breaks is opened again, later and later, until `finish` is answered; when the
// other side wants no more of us, that is an error. `stop` is an event, other orders are awaited.

import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import grpc from "@grpc/grpc-js";
import { milliseconds } from "./clock.js";
import { Outbox } from "./outbox.js";

const SEND_EVERY_MS = 100;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 3000;
const PERMANENT = [grpc.status.UNAUTHENTICATED, grpc.status.INVALID_ARGUMENT];

export class Publisher extends EventEmitter {
  #open; // Begins a call.
  #encode;
  #source;
  #outbox;
  #call = null;
  #epoch = 0;
  #isOpen = false;
  #over = false;
  #started = 0; // The last cycle that was started.
  #timer = null;

  // `open` begins a call to PublishEvents, which takes what `encode` makes of messages.
  constructor(open, encode, source) {
    super();
    this.#open = open;
    this.#encode = encode;
    this.#source = source;
    this.#outbox = new Outbox(encode);
  }

  // Takes an event; it is sent within a moment.
  report(event) {
    this.#outbox.add(event);
    this.#timer ??= setTimeout(() => this.#send(), SEND_EVERY_MS);
  }

  // Says that all is ready for a cycle, and waits for its start.
  async ready(cycle) {
    this.#outbox.ready(cycle);
    this.#send();
    while (this.#started < cycle) await new Promise((done) => this.once("start_cycle", done));
  }

  // Says that this was all; `run` ends when the other side has it.
  finish(loadError) {
    const { produced: events, hits } = this.#outbox;
    this.#outbox.finish({ events, hits }, loadError);
    this.#send();
  }

  // Keeps a stream open. Throws when the other side will have none.
  async run() {
    let pause = FIRST_PAUSE_MS;
    while (!this.#over) {
      await this.#stream();
      if (this.#over) return;
      if (this.#isOpen) pause = FIRST_PAUSE_MS;
      await sleep(pause * (0.5 + Math.random() / 2));
      pause = Math.min(2 * pause, MAX_PAUSE_MS);
    }
  }

  async #stream() {
    this.#epoch += 1;
    this.#isOpen = false;
    this.#outbox.closed();
    this.#call = this.#open();
    this.#call.on("error", () => {}); // Told by the loop below, while it lasts.
    const open = { epoch: this.#epoch, capabilities: { cycle_barrier: true } };
    this.#call.write(this.#encode({ source: this.#source, open }));
    try {
      for await (const answer of this.#call) {
        this.#take(answer);
        if (this.#over) break;
      }
    } catch (error) {
      // An error that is not the stream's has no status.
      if (!Number.isInteger(error.code) || PERMANENT.includes(error.code)) throw error;
    } finally {
      this.#call.cancel();
      this.#call = null;
    }
  }

  #take(answer) {
    switch (answer.message) {
      case "opened":
        this.#isOpen = true;
        this.#outbox.opened(answer.opened.durable_sequence, answer.opened.limits);
        break;
      case "ack":
        this.#outbox.acked(answer.ack.durable_sequence);
        break;
      case "gap":
        this.#outbox.gap(answer.gap.expected_sequence);
        break;
      case "too_large":
        this.#outbox.tooLarge(answer.too_large.first_sequence);
        break;
      case "rejected":
        console.error(`events were rejected: ${answer.rejected.violations.join("; ")}`);
        break;
      case "start_cycle":
        this.#started = Math.max(this.#started, answer.start_cycle.cycle);
        this.#outbox.started(this.#started);
        this.emit("start_cycle");
        break;
      case "stop":
        this.emit("stop", milliseconds(answer.stop.stop_timeout));
        break;
      case "finished":
        this.#over = true;
        break;
      case "run_closed":
        throw new Error("the run is over, and takes no more events");
      case "error":
        throw new Error(`${answer.error.reason}: ${answer.error.message}`);
    }
    this.#send();
  }

  #send() {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (!this.#call) return;
    for (let bytes; (bytes = this.#outbox.next());) this.#call.write(bytes);
  }
}
