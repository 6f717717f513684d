// Figures as people read them: exactly as the terminal shows them (loadgrpc/cli/figures.py; a test
// compares the two). Three significant digits, a unit on everything, no thousands separators, and
// no rounded figure says "none" or "all" if that is not true.

export const NONE = "-";
const NS_PER_S = 1e9;

/** Decimals as Python's format has them: exact ties go to the even digit. */
function fixed(value, digits) {
  const scaled = value * 10 ** digits;
  const tie = scaled % 1 === 0.5 && Number.isInteger(value * 2 ** (digits + 1));
  return (tie ? (2 * Math.round(scaled / 2)) / 10 ** digits : value).toFixed(digits);
}

function roundEven(value) {
  return value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value);
}

/** Nanoseconds of a duration of the protocol, such as `"1.5s"`; 0 of none. */
export function nanoseconds(text) {
  return text ? Math.round(parseFloat(text) * NS_PER_S) : 0;
}

/** Milliseconds since 1970 of a timestamp of the protocol; null of none. */
export function epochMs(text) {
  return text ? Date.parse(text) : null;
}

/** How long a run took, or takes so far, in milliseconds. */
export function tookMs({ createTime, startTime, endTime }) {
  const start = epochMs(startTime ?? createTime);
  return Math.max((epochMs(endTime) ?? Date.now()) - start, 0);
}

/** Response times of hits, which are the service times if they are not apart. */
export function responseOf(hits) {
  return hits.response ?? hits.elapsed;
}

/** `1.24`, `12.3`, `1234`. */
export function significant(value) {
  if (value < 9.995) return fixed(value, 2);
  return value < 99.95 ? fixed(value, 1) : fixed(value, 0);
}

/** `850 µs`, `12.3 ms`, `1.24 s`, `2 min 3 s`, `1 h 2 min`. */
export function duration(ns) {
  if (ns < 1000) return ns ? `${ns} ns` : "0 s";
  for (const [unit, unitNs] of [
    ["µs", 1e3],
    ["ms", 1e6],
  ]) {
    const digits = significant(ns / unitNs);
    if (Number(digits) < 1000) return `${digits} ${unit}`;
  }
  const digits = significant(ns / NS_PER_S);
  if (Number(digits) < 60) return `${digits} s`;
  const seconds = roundEven(ns / NS_PER_S);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A point of ElapsedFigures, such as `p95`; `-` if nothing was answered. */
export function pointText(figures, point) {
  return nanoseconds(figures?.max) ? duration(nanoseconds(figures[point])) : NONE;
}

/** A duration that still grows, in whole seconds: `12 s`, `2 min 3 s`. */
export function clock(ns) {
  const seconds = Math.floor(ns / NS_PER_S);
  return seconds < 60 ? `${seconds} s` : duration(seconds * NS_PER_S);
}

/** A duration that a person set, as set: `5 s`, `1.5 s`, `1 min 30 s`, `30 d`. */
export function span(seconds) {
  if (seconds >= 86400 && seconds % 86400 === 0) return `${seconds / 86400} d`;
  return seconds >= 1 && Number.isInteger(seconds) ? clock(seconds * NS_PER_S) : `${seconds} s`;
}

/** How long ago, in its largest unit: `12 s ago`, `3 h ago`. */
export function ago(ms) {
  const seconds = Math.floor(Math.max(ms, 0) / 1000);
  for (const [unit, unitS] of [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
  ]) {
    if (seconds >= unitS) return `${Math.floor(seconds / unitS)} ${unit} ago`;
  }
  return `${seconds} s ago`;
}

/** `240/s`, `12.3/s`; `0/s` only when it is. */
export function rate(perSecond) {
  if (perSecond === 0) return "0/s";
  return perSecond >= 0.005 ? `${significant(perSecond)}/s` : "<0.01/s";
}

/** `1.7 %`; `0 %` and `100 %` only when it is none and all. */
export function percent(part, whole) {
  if (part <= 0 || whole <= 0) return "0 %";
  if (part >= whole) return "100 %";
  const share = (100 * part) / whole;
  if (share < 0.01) return "<0.01 %";
  return share < 99.95 ? `${significant(share)} %` : ">99.9 %";
}

/** Bytes: `512 B`, `1.20 MB`. */
export function size(count) {
  if (count < 1000) return `${count} B`;
  let value = count;
  for (const unit of ["kB", "MB", "GB"]) {
    value /= 1000;
    if (value < 999.5) return `${significant(value)} ${unit}`;
  }
  return `${significant(value / 1000)} TB`;
}

/** A number without a unit: whole ones as they are, others in three digits. */
export function number(value) {
  if (Number.isNaN(value)) return NONE;
  const most = 1e15;
  if (Number.isInteger(value) && Math.abs(value) < most) return String(value);
  if (Math.abs(value) >= 0.01 && Math.abs(value) < most) {
    return value > 0 ? significant(value) : `-${significant(-value)}`;
  }
  const [digits, exponent] = value.toExponential(2).split("e");
  if (Number(exponent) >= -4 && Number(exponent) < 3) return String(Number(value.toPrecision(3)));
  return `${Number(digits)}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

function two(value) {
  return String(value).padStart(2, "0");
}

/** A time of day where the viewer is: `14:03:05`. */
export function timeOfDay(ms) {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** A date where the viewer is: `2030-01-31`. */
export function dateOf(ms) {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** A moment where the viewer is: `2030-01-31 14:03:05`. */
export function moment(ms) {
  return `${dateOf(ms)} ${timeOfDay(ms)}`;
}

/** `1 agent`, `5 agents`. */
export function counted(count, noun, plural) {
  return `${count} ${Number(count) === 1 ? noun : (plural ?? `${noun}s`)}`;
}
