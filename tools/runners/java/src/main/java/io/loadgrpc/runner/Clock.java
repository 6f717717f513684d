package io.loadgrpc.runner;

import com.google.protobuf.Duration;
import com.google.protobuf.Timestamp;
import java.time.Instant;

/**
 * Time as the protocol has it, of times as System.nanoTime() has them.
 *
 * <p>The wall's clock is read once, so that it may be set meanwhile and no duration is wrong.
 */
final class Clock {
    private static final Instant ANCHOR = Instant.now();
    private static final long ANCHOR_NANOS = System.nanoTime();

    private Clock() {}

    static Timestamp timestamp(long nanoTime) {
        Instant at = ANCHOR.plusNanos(nanoTime - ANCHOR_NANOS);
        return Timestamp.newBuilder()
                .setSeconds(at.getEpochSecond())
                .setNanos(at.getNano())
                .build();
    }

    static Duration duration(long nanos) {
        return Duration.newBuilder()
                .setSeconds(nanos / 1_000_000_000)
                .setNanos((int) (nanos % 1_000_000_000))
                .build();
    }

    static long nanos(Duration duration) {
        return duration.getSeconds() * 1_000_000_000 + duration.getNanos();
    }
}
