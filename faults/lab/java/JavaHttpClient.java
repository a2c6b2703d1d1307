// HttpClient of Java: its timeout of 3 s for a request.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;

class JavaHttpClient {
  public static void main(String[] urls) throws Exception {
    var client = HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NORMAL).build();
    for (int at = 0; at < urls.length; at++) {
      var request = HttpRequest.newBuilder(URI.create(urls[at])).timeout(Duration.ofSeconds(3));
      var response = client.send(request.build(), BodyHandlers.ofByteArray());
      if (at != 1) System.out.write(response.body());
    }
    System.out.flush();
  }
}
