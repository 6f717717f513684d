// Questions before something is done that cannot be undone, or that needs a value.

import { button, el, freshId, say } from "./element.js";

/**
 * Asks; `fields` are `[{name, label, type, value, hint, min, step, most}]`, `choices` buttons,
 * `[{text, value, danger, free}]`, where `free` needs no fields. `act({choice, ...values})` does
 * it: what it raises is shown, and the question stays.
 */
export function ask({ title, text = "", fields = [], choices, act }) {
  const heading = freshId("question");
  const wrong = el("p", { class: "wrong", role: "alert" });
  const inputs = fields.map((field) => {
    const id = freshId("field");
    const tag = field.type === "lines" ? "textarea" : "input";
    const input = el(tag, {
      id,
      name: field.name,
      type: tag === "input" ? (field.type ?? "text") : null,
      min: field.min,
      step: field.step,
      maxlength: field.most,
      required: field.required ?? true,
    });
    input.value = field.value ?? "";
    return {
      input,
      row: el(
        "p",
        { class: "field" },
        el("label", { for: id }, field.label),
        input,
        field.hint ? el("span", { class: "quiet" }, field.hint) : null,
      ),
    };
  });
  const dialog = el("dialog", { "aria-labelledby": heading });
  const buttons = choices.map(({ text: said, value, danger, free }) =>
    button(said, () => chosen(value, free), { class: danger ? "danger" : "main" }),
  );
  const chosen = async (choice, free) => {
    if (!free && inputs.some(({ input }) => !input.reportValidity())) return;
    say(wrong, "");
    const values = Object.fromEntries(inputs.map(({ input }) => [input.name, input.value]));
    for (const each of buttons) each.disabled = true;
    try {
      await act({ choice, ...values });
      dialog.close();
    } catch (error) {
      say(
        wrong,
        [
          error.message,
          ...(error.fields ?? []).map((each) => `${each.field}: ${each.message}`),
        ].join("; "),
      );
    }
    for (const each of buttons) each.disabled = false;
  };
  dialog.append(
    el("h2", { id: heading }, title),
    text ? el("p", {}, text) : "",
    ...inputs.map(({ row }) => row),
    wrong,
    el(
      "div",
      { class: "buttons" },
      button("Cancel", () => dialog.close()),
      buttons,
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
