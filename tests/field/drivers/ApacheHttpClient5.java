import org.apache.hc.client5.http.classic.methods.*;
import org.apache.hc.client5.http.impl.classic.*;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.io.entity.*;
import org.apache.hc.core5.util.VersionInfo;

/** Apache's HttpClient 5, which keeps cookies by default. */
class ApacheHttpClient5 {
    static CloseableHttpClient client = HttpClients.createDefault();

    static void ask(HttpUriRequestBase request) throws Exception {
        try (CloseableHttpResponse answer = client.execute(request)) {
            System.out.println(answer.getCode());
            EntityUtils.consume(answer.getEntity());
        }
    }

    public static void main(String[] arguments) throws Exception {
        System.out.println("HttpClient " + VersionInfo.loadVersionInfo("org.apache.hc.client5", null).getRelease());
        HttpPost login = new HttpPost(arguments[0] + "/login");
        login.setEntity(new StringEntity(System.getenv("BODY"), ContentType.APPLICATION_JSON));
        ask(login);
        ask(new HttpGet(arguments[0] + "/me"));
        ask(new HttpPost(arguments[0] + "/logout"));
        ask(new HttpGet(arguments[0] + "/me"));
    }
}
