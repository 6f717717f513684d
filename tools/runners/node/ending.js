// How users are told to end: first asked to finish their iteration, then cut off.

export class Ending {
  #asked = new AbortController();
  #cut = new AbortController();

  get asked() {
    return this.#asked.signal;
  }

  get cut() {
    return this.#cut.signal;
  }

  // Asks now, and cuts off so much later; of several times the earliest counts.
  begin(graceMs) {
    this.#asked.abort();
    setTimeout(() => this.#cut.abort(), graceMs).unref();
  }
}
