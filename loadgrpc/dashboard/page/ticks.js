// Values at axes: shorter than figures elsewhere, without zeros that say nothing.

import { duration, significant, size } from "./figures.js";

const ZEROS = /\.0+(?= |$)|(\.\d*?[1-9])0+(?= |$)/u;

/** `20 ms`, `1.5 s`. */
export function tickTime(ns) {
  return duration(Math.round(ns)).replace(ZEROS, "$1");
}

/** `250`, `1.5k`. */
export function tickNumber(value) {
  if (value < 1000) return String(Number(value.toPrecision(3)));
  return `${significant(value / 1000).replace(ZEROS, "$1")}k`;
}

/** `200 kB`. */
export function tickSize(value) {
  return size(Math.round(value)).replace(ZEROS, "$1");
}

/** `25 %`; the value is a share. */
export function tickShare(value) {
  return `${Number((100 * value).toPrecision(3))} %`;
}
