// java.net.http.HttpClient with java.net.CookieManager
import java.net.*;
import java.net.http.*;

public class JavaNetHttp {
    public static void main(String[] arguments) throws Exception {
        System.out.println("Java " + System.getProperty("java.version"));
        var client = HttpClient.newBuilder().cookieHandler(new CookieManager()).version(HttpClient.Version.HTTP_1_1).build();
        var url = arguments[0];
        var login = HttpRequest.newBuilder(URI.create(url + "/login")).header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(System.getenv("BODY"))).build();
        var logout = HttpRequest.newBuilder(URI.create(url + "/logout")).POST(HttpRequest.BodyPublishers.noBody()).build();
        var me = HttpRequest.newBuilder(URI.create(url + "/me")).build();
        for (var request : new HttpRequest[] {login, me, logout, me})
            System.out.println(client.send(request, HttpResponse.BodyHandlers.discarding()).statusCode());
    }
}
