// Time, in nanoseconds: of the monotonic clock, which is set by the wall clock once.

const anchor = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();

// The moment, in nanoseconds since 1970.
export const now = () => anchor + process.hrtime.bigint();

// Nanoseconds as a Timestamp or a Duration, which look alike.
export const parts = (ns) => ({
  seconds: Number(ns / 1_000_000_000n),
  nanos: Number(ns % 1_000_000_000n),
});

// A Duration in milliseconds, as timers take it: at most 24 days. One that is absent is 0.
export const milliseconds = (duration) =>
  duration ? Math.min(duration.seconds * 1000 + duration.nanos / 1e6, 2 ** 31 - 1) : 0;
