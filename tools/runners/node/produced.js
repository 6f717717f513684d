// Counts events and hits in a file, which tells what a runner that is killed took with it.

import fs from "node:fs";
import path from "node:path";

// `count(event)` adds one. Without a folder nothing is counted.
export function counter(folder) {
  if (!folder) return () => {};
  const numbers = new BigUint64Array(2); // Events and hits.
  const file = fs.openSync(path.join(folder, "produced"), "w");
  const write = () => fs.writeSync(file, numbers, 0, numbers.byteLength, 0);
  write();
  return (event) => {
    numbers[0] += 1n;
    if (event.hit) numbers[1] += 1n;
    write();
  };
}
