import org.apache.http.client.config.*;
import org.apache.http.client.methods.*;
import org.apache.http.entity.*;
import org.apache.http.impl.client.*;
import org.apache.http.util.*;

/** Apache's HttpClient 4.5: its rules for cookies, `default` or `standard`, and the URL. */
class ApacheHttpClient {
    static CloseableHttpClient client;

    static void ask(HttpUriRequest request) throws Exception {
        try (CloseableHttpResponse answer = client.execute(request)) {
            System.out.println(answer.getStatusLine().getStatusCode());
            EntityUtils.consume(answer.getEntity());
        }
    }

    public static void main(String[] arguments) throws Exception {
        System.out.println("HttpClient " + VersionInfo.loadVersionInfo("org.apache.http.client", null).getRelease());
        RequestConfig rules = RequestConfig.custom().setCookieSpec(arguments[0]).build();
        client = HttpClients.custom().setDefaultRequestConfig(rules).build();
        HttpPost login = new HttpPost(arguments[1] + "/login");
        login.setEntity(new StringEntity(System.getenv("BODY"), ContentType.APPLICATION_JSON));
        ask(login);
        ask(new HttpGet(arguments[1] + "/me"));
        ask(new HttpPost(arguments[1] + "/logout"));
        ask(new HttpGet(arguments[1] + "/me"));
    }
}
