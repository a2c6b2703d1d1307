// HttpClient 5 of Apache: 3 s for each read, as it has no total.
import java.util.concurrent.TimeUnit;
import org.apache.hc.client5.http.classic.methods.HttpGet;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.core5.http.io.entity.EntityUtils;

class Apache {
  public static void main(String[] urls) throws Exception {
    var config = RequestConfig.custom().setResponseTimeout(3, TimeUnit.SECONDS).build();
    try (var client = HttpClients.custom().setDefaultRequestConfig(config).build()) {
      for (int at = 0; at < urls.length; at++) {
        byte[] content = client.execute(new HttpGet(urls[at]), response -> {
          var entity = response.getEntity();
          return entity == null ? new byte[0] : EntityUtils.toByteArray(entity);
        });
        if (at != 1) System.out.write(content);
      }
    }
    System.out.flush();
  }
}
