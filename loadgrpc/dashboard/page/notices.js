// What somebody who looks has to know, in sentences: what is wrong, or makes figures doubtful.

import { el } from "./element.js";
import { oneLine } from "./text.js";

/** See the module. It is written again only if it says something else than before. */
export class Notices {
  said = "";

  constructor() {
    this.element = el("div", { role: "status" });
  }

  show(sentences) {
    const said = sentences.join("\n");
    if (this.said === said) return;
    this.said = said;
    this.element.replaceChildren(
      ...sentences.map((text) => el("p", { class: "notice" }, oneLine(text))),
    );
  }
}
