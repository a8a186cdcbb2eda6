#!/usr/bin/env bash
# Java's HttpURLConnection, and what a refused login says.
#
# A refusal often has its reason in the body (RFC 9457). `getErrorStream` gives it for statuses from 400 on.
# What one would guess: how the request's body is sent does not matter for what can be read of the answer.
# What happens: with setFixedLengthStreamingMode, which Android's documentation advises for uploads, the body of a 400, a
# 403 and a 429 is there, and that of a 401 is gone: getErrorStream is null, whatever challenge came along, or none.
# java.net.http, the newer client, reads them all. But once it has any Authenticator, a 401 without a challenge is no
# answer to it: it throws an IOException.
# Needs Java 17 (seen with Debian's 17.0.21).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >Ask.java <<'JAVA'
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.Authenticator;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

class Ask {
    public static void main(String[] arguments) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.createContext("/", exchange -> {
            exchange.getRequestBody().readAllBytes();
            String[] wanted = exchange.getRequestURI().getPath().substring(1).split("/");
            if (wanted.length == 2) exchange.getResponseHeaders().add("WWW-Authenticate", wanted[1] + " realm=\"here\"");
            byte[] reason = "reason".getBytes();
            exchange.sendResponseHeaders(Integer.parseInt(wanted[0]), reason.length);
            exchange.getResponseBody().write(reason);
            exchange.close();
        });
        server.start();
        for (String path : new String[] {"400", "403", "429", "401", "401/Bearer"}) {
            URI uri = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/" + path);
            System.out.println(path + ": " + old(uri, false) + ", streaming: " + old(uri, true) + ", newer: "
                + newer(uri, HttpClient.newBuilder()) + ", with an Authenticator: "
                + newer(uri, HttpClient.newBuilder().authenticator(new Authenticator() {})));
        }
        server.stop(0);
    }

    static String old(URI uri, boolean streaming) throws IOException {
        var connection = (HttpURLConnection) uri.toURL().openConnection();
        connection.setRequestMethod("POST");
        connection.setDoOutput(true);
        if (streaming) connection.setFixedLengthStreamingMode(2);
        connection.getOutputStream().write("{}".getBytes());
        connection.getResponseCode();
        var body = connection.getErrorStream();
        return body == null ? "null" : new String(body.readAllBytes());
    }

    static String newer(URI uri, HttpClient.Builder client) throws InterruptedException {
        var request = HttpRequest.newBuilder(uri).POST(HttpRequest.BodyPublishers.ofString("{}")).build();
        try {
            return client.build().send(request, BodyHandlers.ofString()).body();
        } catch (IOException refused) {
            return refused.getClass().getSimpleName();
        }
    }
}
JAVA
java -version 2>&1 | head -1
java Ask.java | tee seen
diff - seen <<'SEEN'
400: reason, streaming: reason, newer: reason, with an Authenticator: reason
403: reason, streaming: reason, newer: reason, with an Authenticator: reason
429: reason, streaming: reason, newer: reason, with an Authenticator: reason
401: reason, streaming: null, newer: reason, with an Authenticator: IOException
401/Bearer: reason, streaming: null, newer: reason, with an Authenticator: reason
SEEN
