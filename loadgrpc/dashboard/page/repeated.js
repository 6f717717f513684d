// Work that is done again and again: while nobody looks at the page it rests, and when somebody
// looks again, it is done at once.

/**
 * See the module. `work` may take its time: it is done again `ms` after it has ended; null: only
 * when somebody looks again.
 */
export class Repeated {
  closed = false;

  constructor(ms, work) {
    Object.assign(this, { ms, work });
    this.seen = () => !document.hidden && this.#do();
  }

  /** Does it for the first time, and from then on. */
  async begin() {
    await this.#do();
    if (!this.closed) document.addEventListener("visibilitychange", this.seen);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.seen);
  }

  async #do() {
    clearTimeout(this.timer);
    await this.work();
    clearTimeout(this.timer);
    if (this.ms === null || this.closed || document.hidden) return;
    this.timer = setTimeout(() => this.#do(), this.ms);
  }
}
