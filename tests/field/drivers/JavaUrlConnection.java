// java.net.HttpURLConnection with java.net.CookieManager
import java.net.*;
import java.nio.charset.StandardCharsets;

public class JavaUrlConnection {
    public static void main(String[] arguments) throws Exception {
        System.out.println("Java " + System.getProperty("java.version"));
        CookieHandler.setDefault(new CookieManager());
        ask(arguments[0] + "/login", System.getenv("BODY"));
        ask(arguments[0] + "/me", null);
        ask(arguments[0] + "/logout", "");
        ask(arguments[0] + "/me", null);
    }

    static void ask(String url, String body) throws Exception {
        var connection = (HttpURLConnection) URI.create(url).toURL().openConnection();
        if (body != null) {
            connection.setRequestMethod("POST");
            connection.setDoOutput(true);
            if (!body.isEmpty()) connection.setRequestProperty("Content-Type", "application/json");
            connection.getOutputStream().write(body.getBytes(StandardCharsets.UTF_8));
        }
        System.out.println(connection.getResponseCode());
    }
}
