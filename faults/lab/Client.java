// Requests each path with java.net.http, and prints a line of JSON for each.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The first line is the origin and the timeout; the others are method, bytes to send, and path. */
class Client {
  public static void main(String[] arguments) throws Exception {
    var in = new BufferedReader(new InputStreamReader(System.in));
    String[] first = in.readLine().split(" ");
    HttpClient client = HttpClient.newBuilder()
        .version(HttpClient.Version.HTTP_1_1)
        .followRedirects(HttpClient.Redirect.NORMAL)
        .build();
    for (String line; (line = in.readLine()) != null;) {
      String[] task = line.split(" ");
      var content = task[1].equals("0")
          ? BodyPublishers.noBody()
          : BodyPublishers.ofByteArray(new byte[Integer.parseInt(task[1])]);
      String result = resultOf(client, HttpRequest.newBuilder(URI.create(first[0] + task[2]))
          .method(task[0], content)
          .build(), Long.parseLong(first[1]));
      System.out.printf("{\"path\":\"%s\",\"result\":\"%s\"}%n",
          task[2], result.replaceAll("[^ -~]|[\"\\\\]", " "));
    }
    System.exit(0);
  }

  static String resultOf(HttpClient client, HttpRequest request, long timeoutMs) throws Exception {
    var pending = client.sendAsync(request, BodyHandlers.ofByteArray());
    try {
      var response = pending.get(timeoutMs, TimeUnit.MILLISECONDS);
      return response.statusCode() + " " + response.body().length;
    } catch (TimeoutException error) {
      pending.cancel(true);
      return "timeout";
    } catch (ExecutionException error) {
      return String.valueOf(error.getCause().getMessage());
    }
  }
}
