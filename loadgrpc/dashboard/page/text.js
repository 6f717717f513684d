// Text from elsewhere, made safe to show (as loadgrpc/text.py): what is not printable, which
// includes control characters and those that turn the direction of writing, is shown as escapes.
// Nothing here makes markup: all text of the page goes through textContent.

const MAX_LINE = 8192;
const HIDDEN = /[\p{C}\p{Z}]/gu;

function escaped(character) {
  if (character === " ") return character;
  if (character === "\r") return "\\r";
  const code = character.codePointAt(0);
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** The text with all but line breaks made visible. */
export function printable(text) {
  const shown = String(text).replaceAll("\t", "    ");
  return shown.replace(HIDDEN, (found) => (found === "\n" ? found : escaped(found)));
}

/** The text on one line, of at most MAX_LINE characters. */
export function oneLine(text) {
  const whole = String(text ?? "");
  const cut = whole.length > MAX_LINE ? `${whole.slice(0, MAX_LINE - 1)}…` : whole;
  return printable(cut).split(/\s+/u).filter(Boolean).join(" ");
}

/** An enum of the protocol as people read it: `running` of `RUN_STATE_RUNNING`. */
export function word(value, prefix) {
  return String(value ?? "")
    .replace(prefix, "")
    .toLowerCase()
    .replaceAll("_", " ");
}
