package io.loadgrpc.runner;

import io.loadgrpc.v1.*;
import java.util.concurrent.TimeUnit;
import okhttp3.HttpUrl;

/**
 * The users of a cycle, each in a thread of its own.
 *
 * <p>When the cycle's time is over, or the load is stopped, users finish their iteration; those
 * that take longer are cut off. Times are nanoseconds since the cycle began.
 */
final class Crowd {
    private static final long STACK_BYTES = 256 << 10;
    private static final long TELL = TimeUnit.SECONDS.toNanos(1);
    private static final long LOOK = TimeUnit.MILLISECONDS.toNanos(100);
    private static final long NEVER = Long.MAX_VALUE / 2;

    private final Assignment assignment;
    private final Cycle cycle;
    private final HttpUrl url;
    private final Outbox outbox;
    private final LoadStatus status;
    private final long begin = System.nanoTime();
    private final long end;
    private volatile boolean stopping;
    private long cutOff;
    private int alive;
    private int started;
    private int told;
    private long toldAt = -TELL;

    Crowd(Assignment assignment, Cycle cycle, int number, HttpUrl url, Outbox outbox) {
        this.assignment = assignment;
        this.cycle = cycle;
        this.url = url;
        this.outbox = outbox;
        status = LoadStatus.newBuilder()
                .setIterations(cycle.getIterations())
                .setUsers(cycle.getUsers())
                .setCycle(number)
                .build();
        end = cycle.hasDuration() ? Clock.nanos(cycle.getDuration()) : NEVER;
        cutOff = Math.min(NEVER, end + Clock.nanos(assignment.getStopTimeout()));
    }

    /** Runs the users from the first one's start to the last one's end. */
    synchronized void live() throws InterruptedException {
        Watch watch = new Watch(status, outbox);
        int one = assignment.getUser();
        int last = one > 0 ? one : cycle.getUsers();
        double rate = assignment.getSpawnRate();
        for (int user = one > 0 ? one : 1; user <= last; user++) {
            long due = rate > 0 ? (long) ((user - 1) / rate * TimeUnit.SECONDS.toNanos(1)) : 0;
            while (now() < due && !isOver()) {
                look(due);
            }
            if (isOver()) {
                break;
            }
            start(user);
        }
        while (alive > 0) {
            look(cutOff);
        }
        watch.end();
        tell();
    }

    /** Lets users finish their iteration, for a time at most. */
    synchronized void stop(long timeout) {
        stopping = true;
        cutOff = Math.min(cutOff, now() + timeout);
        notifyAll();
    }

    private void start(int number) {
        LoadStatus where = status.toBuilder().setCurrentUser(number).build();
        User user = new User(assignment.getTest(), url, outbox, where);
        Runnable life = () -> {
            user.live(this::goesOn);
            ended();
        };
        new Thread(null, life, "user " + number, STACK_BYTES).start();
        alive++;
        started++;
    }

    private synchronized void ended() {
        alive--;
        notifyAll();
    }

    private boolean goesOn(int iteration) {
        return !isOver() && (cycle.getIterations() == 0 || iteration <= cycle.getIterations());
    }

    private boolean isOver() {
        return stopping || now() >= end;
    }

    /** Waits until then, or for less; sees to what is due meanwhile. */
    private void look(long until) throws InterruptedException {
        if (now() >= cutOff) {
            Browser.abortAll(); // at each look: a user may have been about to ask
        }
        if (alive != told && now() >= toldAt + TELL) {
            tell();
        }
        TimeUnit.NANOSECONDS.timedWait(this, Math.max(LOOK / 100, Math.min(LOOK, until - now())));
    }

    private void tell() {
        told = alive;
        toldAt = now();
        outbox.add(Event.newBuilder()
                .setTime(Clock.timestamp(System.nanoTime()))
                .setStatus(status)
                .setState(RunnerState.newBuilder().setActiveUsers(alive).setStartedUsers(started)));
    }

    private long now() {
        return System.nanoTime() - begin;
    }
}
