// The way in: where the broker asks who calls it, a token of the broker's. The server keeps it in a
// cookie that this page cannot read; nothing here does.

import { el, freshId, say } from "./element.js";

/** See the module. `done` is called when somebody is in; `why`: what was wrong before. */
export class LoginView {
  constructor({ source, done, why }) {
    Object.assign(this, { source, done });
    const id = freshId("token");
    this.wrong = el("p", { class: "wrong", role: "alert", id: freshId("wrong") });
    this.token = el("input", {
      id,
      name: "token",
      type: "password",
      autocomplete: "current-password",
      spellcheck: "false",
      maxlength: 256,
      required: true,
      "aria-describedby": this.wrong.id,
    });
    this.enter = el("button", { class: "main" }, "Log in");
    const form = el(
      "form",
      { class: "login", on: { submit: (event) => this.#submit(event) } },
      el("input", { autocomplete: "username", hidden: true }), // as keepers of passwords want it
      el("p", { class: "field" }, el("label", { for: id }, "Token"), this.token, this.wrong),
      el("div", { class: "buttons" }, this.enter),
    );
    this.element = el(
      "article",
      {},
      el("h1", {}, "Log in"),
      el("p", {}, "This broker asks everybody who they are."),
      form,
      el(
        "p",
        { class: "quiet" },
        "An admin makes a token: ",
        el("code", {}, "loadgrpc tokens create NAME --role watch"),
        ". The roles run and admin may do more.",
      ),
    );
    say(this.wrong, why);
  }

  async open() {
    document.title = "Log in – loadgrpc";
    this.token.focus();
  }

  close() {
    this.token.value = "";
  }

  async #submit(event) {
    event.preventDefault();
    say(this.wrong, "");
    this.enter.disabled = true;
    try {
      await this.source.login(this.token.value.trim());
      this.token.value = "";
      this.done();
    } catch (error) {
      say(this.wrong, error.message);
      this.token.setAttribute("aria-invalid", "true");
      this.token.focus();
    }
    this.enter.disabled = false;
  }
}
