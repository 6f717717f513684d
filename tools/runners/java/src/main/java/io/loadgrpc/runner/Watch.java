package io.loadgrpc.runner;

import io.loadgrpc.v1.*;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * How the process keeps up with its load; told once a second, and when its users have ended.
 *
 * <p>A thread asks to be woken at regular times, as one of a user is when its answer comes, and
 * notes how late that is. A time that has passed while all stood still counts as well.
 */
final class Watch {
    private static final long TICK = TimeUnit.MILLISECONDS.toNanos(10);
    private static final long TELL = TimeUnit.SECONDS.toNanos(1);
    private static final int MOST_LAGS = 4000;

    private final LoadStatus status;
    private final Outbox outbox;
    private final Thread thread = new Thread(this::run, "watch");
    private volatile boolean over;
    private GeneratorState.Builder state;
    private long since;
    private long cpu;
    private long pauses = pauses();
    private long paused = paused();
    private long total;
    private long longest;

    Watch(LoadStatus status, Outbox outbox) {
        this.status = status;
        this.outbox = outbox;
        begin();
        thread.start();
    }

    /** The users have ended. */
    void end() throws InterruptedException {
        over = true;
        thread.join();
    }

    private void run() {
        for (long due = since + TICK; !over; due += TICK) {
            while (System.nanoTime() < due) {
                LockSupport.parkNanos(due - System.nanoTime());
            }
            if (state.getLagsNsCount() < MOST_LAGS) {
                state.addLagsNs(System.nanoTime() - due);
            }
            noteCollections();
            if (System.nanoTime() - since >= TELL) {
                tell();
                begin();
            }
        }
        tell();
    }

    private void begin() {
        state = GeneratorState.newBuilder();
        since = System.nanoTime();
        cpu = cpu();
        total = longest = 0;
    }

    private void noteCollections() {
        long took = paused() - paused;
        long more = pauses() - pauses;
        paused += took;
        pauses += more;
        total += took;
        longest = Math.max(longest, took);
        state.setGcPauses(state.getGcPauses() + (int) more);
    }

    private void tell() {
        long now = System.nanoTime();
        state.setElapsed(Clock.duration(now - since))
                .setCpu(Clock.duration(cpu() - cpu))
                .setCores(Runtime.getRuntime().availableProcessors())
                .setGcTime(Clock.duration(TimeUnit.MILLISECONDS.toNanos(total)))
                .setGcMax(Clock.duration(TimeUnit.MILLISECONDS.toNanos(longest)));
        outbox.add(Event.newBuilder()
                .setTime(Clock.timestamp(now))
                .setStatus(status)
                .setGenerator(state));
    }

    /** Nanoseconds of CPU time that the process has used. */
    private static long cpu() {
        var system = ManagementFactory.getOperatingSystemMXBean();
        return ((com.sun.management.OperatingSystemMXBean) system).getProcessCpuTime();
    }

    /** How often garbage collection has stopped the process. */
    private static long pauses() {
        return ManagementFactory.getGarbageCollectorMXBeans().stream()
                .mapToLong(GarbageCollectorMXBean::getCollectionCount)
                .sum();
    }

    /** For how many milliseconds. */
    private static long paused() {
        return ManagementFactory.getGarbageCollectorMXBeans().stream()
                .mapToLong(GarbageCollectorMXBean::getCollectionTime)
                .sum();
    }
}
