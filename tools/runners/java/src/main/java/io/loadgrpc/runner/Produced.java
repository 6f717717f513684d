package io.loadgrpc.runner;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * How much this process has produced, in a mapped file: the kernel keeps it when it is killed.
 *
 * <p>So what a killed runner takes with it is known, to the hit.
 */
final class Produced {
    private static final int HITS_AT = Long.BYTES;
    private static final int BYTES = 2 * Long.BYTES;

    private final ByteBuffer row;

    private Produced(ByteBuffer row) {
        this.row = row.order(ByteOrder.nativeOrder());
    }

    /** Counts in a runner's folder; null: nobody would look. */
    static Produced in(String folder) throws IOException {
        if (folder == null) {
            return new Produced(ByteBuffer.allocate(BYTES));
        }
        Path path = Path.of(folder, "produced");
        try (FileChannel file = FileChannel.open(path, CREATE, READ, WRITE)) {
            // Written before it is mapped: who writes to a page that finds no room is killed.
            file.write(ByteBuffer.allocate(BYTES));
            return new Produced(file.map(FileChannel.MapMode.READ_WRITE, 0, BYTES));
        }
    }

    void count(boolean hit) {
        row.putLong(0, events() + 1);
        if (hit) {
            row.putLong(HITS_AT, hits() + 1);
        }
    }

    long events() {
        return row.getLong(0);
    }

    long hits() {
        return row.getLong(HITS_AT);
    }
}
