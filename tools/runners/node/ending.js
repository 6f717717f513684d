// How users are ended: first asked to finish their iteration, then cut off.

import { setMaxListeners } from "node:events";

export class Ending {
  #asked = new AbortController();
  #cut = new AbortController();

  constructor() {
    setMaxListeners(0, this.asked, this.cut); // Every user listens.
  }

  get asked() {
    return this.#asked.signal;
  }

  get cut() {
    return this.#cut.signal;
  }

  // Asks now, and cuts off that much later; of several times the earliest counts.
  begin(graceMs) {
    this.#asked.abort();
    setTimeout(() => this.#cut.abort(), graceMs).unref();
  }
}
