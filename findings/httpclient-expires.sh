#!/usr/bin/env bash
# Apache HttpClient 4.5 and a cookie with the Expires that RFC 6265 asks servers to write.
#
# What one would guess: a client that knows RFC 6265 keeps `a=1; Expires=Fri, 15 Jan 2100 08:01:00 GMT`.
# What happens: by default an Expires makes it read the cookie by Netscape's draft of 1994, which writes 15-Jan-2100; it
# drops the cookie, with a warning in its log. Max-Age alone is kept, and so is either with CookieSpecs.STANDARD. (Java's
# own clients want the Expires: they send a cookie that has Max-Age alone back in the form of RFC 2965, in quotes.)
# Needs apt-get, dpkg and Java 17.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq download libhttpclient-java=4.5.14-1 libhttpcore-java libcommons-logging-java
for package in *.deb; do dpkg -x "$package" .; done

cat >Ask.java <<'JAVA'
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import org.apache.http.client.config.RequestConfig;
import org.apache.http.client.methods.HttpGet;
import org.apache.http.impl.client.*;
import org.apache.http.util.VersionInfo;

class Ask {
    public static void main(String[] arguments) throws Exception {
        System.out.println("HttpClient " + VersionInfo.loadVersionInfo("org.apache.http.client", null).getRelease());
        String[] lifetimes = {"Max-Age=60", "Expires=Fri, 15 Jan 2100 08:01:00 GMT", "Expires=Fri, 15-Jan-2100 08:01:00 GMT"};
        for (String rules : new String[] {"default", "standard"})
            for (String lifetime : lifetimes) {
                HttpServer server = HttpServer.create(new InetSocketAddress("localhost", 0), 0);
                server.createContext("/", exchange -> {
                    exchange.getResponseHeaders().add("Set-Cookie", "a=1; Path=/; " + lifetime);
                    exchange.sendResponseHeaders(204, -1);
                });
                server.start();
                BasicCookieStore jar = new BasicCookieStore();
                RequestConfig chosen = RequestConfig.custom().setCookieSpec(rules).build();
                try (CloseableHttpClient client = HttpClients.custom().setDefaultCookieStore(jar).setDefaultRequestConfig(chosen).build()) {
                    client.execute(new HttpGet("http://localhost:" + server.getAddress().getPort() + "/")).close();
                }
                server.stop(0);
                System.out.println(rules + ", " + lifetime + ": " + (jar.getCookies().isEmpty() ? "dropped" : "kept"));
            }
    }
}
JAVA
jars=$folder/usr/share/java
seen=$(java -cp "$jars/httpclient.jar:$jars/httpcore.jar:$jars/commons-logging.jar" Ask.java 2>log)
echo "$seen"
expected='HttpClient 4.5.14
default, Max-Age=60: kept
default, Expires=Fri, 15 Jan 2100 08:01:00 GMT: dropped
default, Expires=Fri, 15-Jan-2100 08:01:00 GMT: kept
standard, Max-Age=60: kept
standard, Expires=Fri, 15 Jan 2100 08:01:00 GMT: kept
standard, Expires=Fri, 15-Jan-2100 08:01:00 GMT: kept'
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now; expected:"; echo "$expected"; cat log; exit 1; }
echo "As described: the form of a date decides whether one stays logged in."
