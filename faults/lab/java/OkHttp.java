// OkHttp: 3 s in total.
import java.time.Duration;
import okhttp3.OkHttpClient;
import okhttp3.Request;

class OkHttp {
  public static void main(String[] urls) throws Exception {
    var client = new OkHttpClient.Builder().callTimeout(Duration.ofSeconds(3)).build();
    for (int at = 0; at < urls.length; at++) {
      try (var response = client.newCall(new Request.Builder().url(urls[at]).build()).execute()) {
        byte[] content = response.body().bytes();
        if (at != 1) System.out.write(content);
      }
    }
    System.out.flush();
  }
}
