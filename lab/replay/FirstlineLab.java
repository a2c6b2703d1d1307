import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.util.*;
import java.util.regex.*;

/**
 * Replays lab/vectors.json of Firstline: right and wrong HTTP/1.1 responses by path, for testing
 * clients, in Java 17 or later. Copy this file and the vectors into a test, and ask for
 * {@code new FirstlineLab(Path.of("vectors.json")).url + "/truncated"}.
 */
public final class FirstlineLab implements AutoCloseable {
    private static final int MAX_MILLIS = 60_000, MAX_BYTES = 64 << 20, LINGER_MILLIS = 2000;
    private static final Pattern TOKEN = Pattern.compile("\"((?:[^\"\\\\]++|\\\\.)*+)\"|[^\\s:,\\[\\]{}\"]+|[\\[\\]{}]");
    private static final Pattern CLOSES =
            Pattern.compile("(?im)^(connection:.*close|content-length: *[1-9]|transfer-encoding:)");

    private static final Map<String, Object> NOTHING = Map.of("pieces", List.of(), "ending", "close");

    /** Its origin. */
    public final String url;
    /** All entries: what each does, and what a sound client makes of it. */
    public final List<Map<String, Object>> entries;
    private final Map<String, Map<String, Object>> byPath = new HashMap<>();
    private final ServerSocket listener = new ServerSocket(0, 256, InetAddress.getByName("127.0.0.1"));

    /** Serves the vectors of this file on a free port of 127.0.0.1. */
    @SuppressWarnings("unchecked")
    public FirstlineLab(Path file) throws IOException {
        var vectors = (Map<String, List<Map<String, Object>>>) value(TOKEN.matcher(Files.readString(file)));
        entries = vectors.get("entries");
        for (var response : vectors.get("others")) byPath.put((String) response.get("path"), response);
        for (var entry : entries) byPath.put((String) entry.get("path"), entry);
        url = "http://127.0.0.1:" + listener.getLocalPort();
        spawn(() -> {
            while (true) {
                var client = listener.accept();
                spawn(() -> serve(client));
            }
        });
    }

    /** Takes no more connections. Those that are open end by themselves. */
    @Override public void close() throws IOException { listener.close(); }

    private interface Task { void run() throws Exception; }

    private static void spawn(Task task) {
        var thread = new Thread(() -> { try { task.run(); } catch (Exception ended) { /* nobody is there */ } });
        thread.setDaemon(true);
        thread.start();
    }

    private void serve(Socket client) throws Exception {
        try (client) {
            client.setTcpNoDelay(true);
            var input = new PushbackInputStream(client.getInputStream());
            for (boolean stays = true; stays;) {
                client.setSoTimeout(MAX_MILLIS);
                var words = line(input).split(" ");
                if (words.length != 3) return;
                var head = new StringBuilder();
                boolean isWhole = false;
                while (!isWhole && input.available() > 0) {
                    var field = line(input);
                    isWhole = field.isEmpty();
                    head.append(field).append('\n');
                }
                var entry = byPath.getOrDefault(words[1].split("\\?")[0], NOTHING);
                var ending = (String) entry.get("ending");
                play((List<?>) entry.get("pieces"), client, input);
                stays = ending.equals("open") && isWhole && words[2].equals("HTTP/1.1") && !CLOSES.matcher(head).find();
                if (ending.equals("reset")) client.setSoLinger(true, 0);
                if (stays || ending.equals("reset") || ending.equals("close")) continue;
                client.shutdownOutput();
                client.setSoTimeout(LINGER_MILLIS);
                input.transferTo(OutputStream.nullOutputStream());
            }
        }
    }

    private static String line(PushbackInputStream input) throws IOException {
        var line = new StringBuilder();
        int octet;
        while ((octet = input.read()) >= 0 && octet != '\n') line.append((char) octet);
        return line.toString().strip();
    }

    /** Sends the pieces. Pauses add up, so that a slow machine sends the same bytes. */
    private void play(List<?> pieces, Socket client, PushbackInputStream input) throws Exception {
        var output = client.getOutputStream();
        double due = System.nanoTime() / 1e6, end = due + MAX_MILLIS;
        int left = MAX_BYTES;
        for (var piece : pieces) {
            var fields = piece instanceof Map<?, ?> map ? map : new HashMap<>();
            if (piece instanceof String text) fields = Map.of("repeat", text, "times", 1.0);
            if (piece instanceof Double pause) fields = Map.of("repeat", "", "times", 1.0, "pause", pause);
            if (piece == null) input.transferTo(OutputStream.nullOutputStream()); // until the client sends no more
            if (fields.containsKey("until")) line(input);
            if (fields.containsKey("port")) output.write(("" + listener.getLocalPort()).getBytes());
            if (fields.get("late") instanceof Double late) {
                client.setSoTimeout(late.intValue());
                try {
                    int octet = input.read();
                    if (octet >= 0) input.unread(octet);
                    if (octet >= 0) return; // behind another request it would pass for the response
                    Thread.sleep(late.intValue());
                } catch (SocketTimeoutException nobodyAsked) {
                    client.setSoTimeout(MAX_MILLIS);
                }
            }
            if (!(fields.get("repeat") instanceof String text)) continue;
            var octets = Base64.getDecoder().decode(text);
            double pause = fields.get("pause") instanceof Double some ? some : 0;
            for (double count = fields.get("times") instanceof Double some ? some : 1e9; count > 0; count--) {
                output.write(octets, 0, Math.min(left, octets.length));
                left -= Math.min(left, octets.length);
                due += pause;
                if (pause > 0) Thread.sleep((long) Math.max(0, due - System.nanoTime() / 1e6));
                if (left == 0 || System.nanoTime() / 1e6 > end) return;
            }
        }
    }

    /** Parses the next value of valid JSON; at the end of an array or object, its bracket. */
    private static Object value(Matcher tokens) {
        tokens.find();
        var token = tokens.group();
        if (tokens.group(1) != null) {
            return Pattern.compile("\\\\(u....|.)").matcher(tokens.group(1)).replaceAll((escape) -> {
                var code = escape.group(1);
                var character = code.length() == 1
                        ? escape.group().translateEscapes()
                        : "" + (char) Integer.parseInt(code.substring(1), 16);
                return Matcher.quoteReplacement(character);
            });
        }
        if (token.equals("[") || token.equals("{")) {
            var list = new ArrayList<Object>();
            for (Object one; !((one = value(tokens)) instanceof Character);) list.add(one);
            if (token.equals("[")) return list;
            var map = new LinkedHashMap<String, Object>();
            for (int at = 0; at < list.size(); at += 2) map.put((String) list.get(at), list.get(at + 1));
            return map;
        }
        if (token.equals("]") || token.equals("}")) return token.charAt(0);
        if (token.matches("true|false")) return token.equals("true");
        return token.equals("null") ? null : Double.valueOf(token);
    }
}
