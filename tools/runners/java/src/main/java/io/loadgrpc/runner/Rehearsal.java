package io.loadgrpc.runner;

import com.sun.net.httpserver.HttpServer;
import io.loadgrpc.v1.*;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import okhttp3.HttpUrl;

/**
 * A user who asks a server of our own, and whom nobody hears of.
 *
 * <p>Java loads classes when they are first used, and that takes longer than many a request: it is
 * done here, before the load, and not within its first hits.
 */
final class Rehearsal {
    private static final int ITERATIONS = 50;

    private Rehearsal() {}

    static void hold() throws IOException, InterruptedException {
        InetAddress here = InetAddress.getLoopbackAddress();
        HttpServer server = HttpServer.create(new InetSocketAddress(here, 0), 0);
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, 1);
            exchange.getResponseBody().write('\n');
            exchange.close();
        });
        server.start();
        int port = server.getAddress().getPort();
        HttpUrl url = HttpUrl.get("http://" + here.getHostAddress() + ":" + port + "/");
        Outbox unheard = new Outbox(Produced.in(null));
        LoadStatus nowhere = LoadStatus.getDefaultInstance();
        Watch watch = new Watch(nowhere, unheard);
        new User("", url, unheard, nowhere).live(iteration -> iteration <= ITERATIONS);
        watch.end();
        server.stop(0);
    }
}
