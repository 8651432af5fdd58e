import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * A payment with pos-agent, in Java 17 without libraries.
 *
 * <pre>
 *     java Payment.java pay https://connect.secucard.com/api/v2 1250
 *     java Payment.java events
 * </pre>
 *
 * Exit codes: 0 paid; 1 not paid; 2 wrong usage; 3 nobody knows: look the payment up before the
 * customer pays again. A refused token costs nothing: the agent is told, and the call is repeated
 * once with the next one.
 */
public final class Payment {
    static final int PAID = 0;
    static final int NOT_PAID = 1;
    static final int USAGE = 2;
    static final int UNKNOWN = 3;

    /** How long the cardholder may take. */
    static final Duration PAYMENT = Duration.ofSeconds(150);
    /** Longer than a payment, with what comes before. The agent grants up to 300 s. */
    static final Duration HOLD = Duration.ofSeconds(180);
    /** The agent itself gives up after 30 s. */
    static final Duration AGENT = Duration.ofSeconds(40);
    /** The stream of events has a sign of life every 15 s. */
    static final Duration SILENCE = Duration.ofSeconds(45);
    /** A second apart, for what became of a payment. */
    static final int LOOKS = 3;

    /** Nothing was paid. */
    static final class NotPaid extends Exception {
        private static final long serialVersionUID = 1L;

        NotPaid(String message) {
            super(message);
        }
    }

    // -- the agent --------------------------------------------------------------------------------

    record Answer(int status, String body) {
        /** A string, a number or an object of the body's, or null. */
        String member(String name) {
            return Json.member(body, name);
        }
    }

    /** What the agent gave, {@code hold} null without one; printing it gives nothing away. */
    record Token(String access, String fingerprint, String hold) {
        @Override
        public String toString() {
            return fingerprint;
        }
    }

    /**
     * One connection to the agent. A hold that is bound to it ends with this program, whatever
     * ends that.
     */
    static final class Agent implements AutoCloseable {
        private final SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        private final Selector selector = Selector.open();
        private final ByteBuffer buffer = ByteBuffer.allocate(8192).flip();
        private final Duration patience;

        /** {@code patience} is how long the agent may be silent. */
        Agent(Duration patience) throws IOException {
            this.patience = patience;
            String path = socketPath();
            try {
                channel.connect(UnixDomainSocketAddress.of(path));
            } catch (IOException e) {
                close();
                throw new IOException("no agent at " + path + ": " + e.getMessage(), e);
            }
            channel.configureBlocking(false); // a channel that blocks knows no time limit
            channel.register(selector, SelectionKey.OP_READ);
        }

        /** One that is empty is as if it were not set. */
        private static String socketPath() {
            String path = System.getenv().getOrDefault("POS_AGENT_SOCKET", "");
            return path.isEmpty() ? "/run/pos-agent/token.sock" : path;
        }

        Answer ask(String method, String path, String headers, String body) throws IOException {
            send(method, path, headers, body);
            String head = head();
            ByteArrayOutputStream content = new ByteArrayOutputStream();
            for (int left = contentLength(head); left > 0; left--) {
                content.write(read());
            }
            return new Answer(status(head), content.toString(StandardCharsets.UTF_8));
        }

        void send(String method, String path, String headers, String body) throws IOException {
            String request = method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers
                + "Content-Length: " + body.length() + "\r\n\r\n" + body;
            ByteBuffer bytes = StandardCharsets.US_ASCII.encode(request);
            while (bytes.hasRemaining()) {
                channel.write(bytes); // a request fits into the kernel's buffer
            }
        }

        String head() throws IOException {
            StringBuilder head = new StringBuilder();
            for (String line = line(); !line.isEmpty(); line = line()) {
                head.append(line).append('\n');
            }
            return head.toString();
        }

        static int status(String head) {
            return Integer.parseInt(head.split(" ", 3)[1]);
        }

        private static int contentLength(String head) {
            for (String line : head.split("\n")) {
                if (line.regionMatches(true, 0, "Content-Length:", 0, 15)) {
                    return Integer.parseInt(line.substring(15).trim());
                }
            }
            return 0;
        }

        /** Without its end. */
        String line() throws IOException {
            ByteArrayOutputStream line = new ByteArrayOutputStream();
            for (int next = read(); next != '\n'; next = read()) {
                line.write(next);
            }
            return line.toString(StandardCharsets.UTF_8).stripTrailing();
        }

        private int read() throws IOException {
            while (!buffer.hasRemaining()) {
                buffer.clear();
                int count = channel.read(buffer);
                buffer.flip();
                if (count < 0) {
                    throw new IOException("the agent has closed the connection");
                }
                if (count == 0 && selector.select(patience.toMillis()) == 0) {
                    throw new IOException("the agent is silent");
                }
                selector.selectedKeys().clear();
            }
            return buffer.get();
        }

        @Override
        public void close() throws IOException {
            selector.close();
            channel.close();
        }
    }

    /** A token that is not renewed while the cardholder pays. */
    static Token holdToken(Agent agent) throws IOException, NotPaid {
        String path = "/v1/token?hold=" + HOLD.toSeconds() + "&ends_with=connection";
        Answer answer = agent.ask("GET", path, "Prefer: wait=10\r\n", "");
        Token token = token(answer);
        String hold = answer.member("hold");
        if (token.hold() == null) {
            throw new NotPaid("no hold: is the agent older than this program?");
        }
        if (Json.member(hold, "less") != null) {
            System.err.println("held for " + Json.member(hold, "expires_in") + " s: "
                + Json.member(hold, "less"));
        }
        return token;
    }

    /** Any token that is valid by now: a question needs no hold. */
    static Token anyToken(Agent agent) throws IOException, NotPaid {
        return token(agent.ask("GET", "/v1/token?min_ttl=10", "", ""));
    }

    /** The API refused this token. The current one, which is the same if there is no other. */
    static Token report(Agent agent, Token refused) throws IOException, NotPaid {
        return token(agent.ask("POST", "/v1/token/rejected",
            "Content-Type: application/json\r\n",
            "{\"fingerprint\":\"" + refused.fingerprint() + "\"}"));
    }

    /** The API refused this token: the next one, held; null if there is no other. */
    static Token nextToken(Agent agent, Token refused) throws IOException, NotPaid {
        boolean same = report(agent, refused).fingerprint().equals(refused.fingerprint());
        return same ? null : holdToken(agent);
    }

    private static Token token(Answer answer) throws NotPaid {
        if (answer.status() != 200) {
            throw new NotPaid("no token: " + answer.member("title") + ": " + answer.member("detail"));
        }
        Token token = new Token(answer.member("access_token"), answer.member("fingerprint"),
            Json.member(answer.member("hold"), "id"));
        if (token.access() == null || token.fingerprint() == null) {
            throw new NotPaid("what answers is not pos-agent");
        }
        return token;
    }

    static void release(Agent agent, Token token) {
        try {
            agent.ask("DELETE", "/v1/holds/" + token.hold(), "", "");
        } catch (IOException e) {
            // Its connection is gone, and the hold with it.
        }
    }

    // -- the API ----------------------------------------------------------------------------------

    /** {@code refused}: the token was, on the way, whether or not the next one helped. */
    record Reply(Answer answer, boolean refused) {
    }

    /** Sends each call with the held token, and once more with the next one if that was refused. */
    static final class Api {
        private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();
        private final String base;
        private final Agent agent;
        private Token token;

        Api(String base, Agent agent) throws IOException, NotPaid {
            this.base = base;
            this.agent = agent;
            this.token = holdToken(agent);
        }

        Reply post(String path, String body) throws IOException, InterruptedException, NotPaid {
            HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base + path))
                .timeout(PAYMENT)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body));
            Answer answer = send(request, token);
            if (!tokenRefused(answer)) {
                return new Reply(answer, false);
            }
            Token next = nextToken(agent, token);
            if (next == null) {
                return new Reply(answer, true);
            }
            token = next;
            return new Reply(send(request, token), true);
        }

        /**
         * On a connection of its own, as that of the hold may have ended, and with a token of its
         * own. If that is refused, the next question has another one.
         */
        Answer get(String path) throws IOException, InterruptedException, NotPaid {
            HttpRequest.Builder request =
                HttpRequest.newBuilder(URI.create(base + path)).timeout(Duration.ofSeconds(10));
            try (Agent agent = new Agent(AGENT)) {
                Token asking = anyToken(agent);
                Answer answer = send(request, asking);
                if (tokenRefused(answer)) {
                    report(agent, asking);
                }
                return answer;
            }
        }

        private Answer send(HttpRequest.Builder request, Token token)
            throws IOException, InterruptedException {
            request.setHeader("Authorization", "Bearer " + token.access());
            HttpResponse<String> response = http.send(request.build(), BodyHandlers.ofString());
            return new Answer(response.statusCode(), response.body());
        }
    }

    /** RFC 6750 section 3.1 says 401; Secucard says 403 with the code 2003. */
    static boolean tokenRefused(Answer answer) {
        return answer.status() == 401
            || answer.status() == 403 && "2003".equals(answer.member("code"));
    }

    static int pay(String base, long cents) throws IOException, InterruptedException, NotPaid {
        try (Agent agent = new Agent(AGENT)) {
            Api api = new Api(base, agent);
            try {
                return start(api, create(api, cents));
            } finally {
                release(agent, api.token);
            }
        }
    }

    static String create(Api api, long cents) throws IOException, InterruptedException, NotPaid {
        Answer answer = api.post("/Smart/Transactions",
            "{\"basket_info\":{\"sum\":" + cents + ",\"currency\":\"EUR\"}}").answer();
        String id = answer.member("id");
        if (answer.status() != 200 || id == null) {
            throw new NotPaid("the API answered " + answer.status());
        }
        return id;
    }

    static int no(String why) {
        System.err.println("not paid: " + why);
        return NOT_PAID;
    }

    /** Ask the cardholder; the answer comes when that is done. */
    static int start(Api api, String payment) throws InterruptedException {
        String path = "/Smart/Transactions/" + payment;
        String status;
        try {
            Reply reply = api.post(path + "/start/cashless", "");
            Answer answer = reply.answer();
            // A "no" is one only if the token was not refused: by then the cardholder may have begun.
            if (answer.status() >= 400 && answer.status() < 500 && !reply.refused()) {
                return no("the API answered " + answer.status());
            }
            status = answer.member("status");
            if (answer.status() != 200 || status == null) {
                throw new IOException("the API answered " + answer.status());
            }
        } catch (IOException | NotPaid e) {
            System.err.println("no answer: " + e);
            status = lookUp(api, path);
        }
        if (status == null) {
            System.err.println("nobody knows: look up " + payment + " before the customer pays again");
            return UNKNOWN;
        }
        if (!status.equals("ok")) {
            return no(status);
        }
        System.out.println("paid " + payment);
        return PAID;
    }

    /** How a payment ended, if nobody told; null while the cardholder may be at it. */
    static String lookUp(Api api, String path) throws InterruptedException {
        for (int i = 0; i < LOOKS; i++) {
            Thread.sleep(1000);
            try {
                Answer answer = api.get(path);
                String status = answer.status() == 200 ? answer.member("status") : null;
                if ("ok".equals(status) || "failed".equals(status)) {
                    return status;
                }
            } catch (IOException | NotPaid e) {
                System.err.println("no answer: " + e);
            }
        }
        return null;
    }

    // -- events -----------------------------------------------------------------------------------

    /** Print what changes, over restarts of the agent, until this program is stopped or refused. */
    static int events() throws InterruptedException {
        String lastId = "";
        while (true) {
            int status = 0;
            try (Agent agent = new Agent(SILENCE)) {
                agent.send("GET", "/v1/events",
                    lastId.isEmpty() ? "" : "Last-Event-ID: " + lastId + "\r\n", "");
                status = Agent.status(agent.head());
                if (status != 200) {
                    throw new IOException("the agent answered " + status);
                }
                String kind = "";
                while (true) { // until the connection ends
                    String line = agent.line();
                    if (line.startsWith("id: ")) {
                        lastId = line.substring(4);
                    } else if (line.startsWith("event: ")) {
                        kind = line.substring(7);
                    } else if (line.startsWith("data: ")) {
                        System.out.println(kind + " " + line.substring(6));
                    }
                }
            } catch (IOException e) {
                System.err.println("no events: " + e.getMessage());
            }
            if (status >= 400 && status < 500 && status != 429) {
                return NOT_PAID; // so it always will
            }
            Thread.sleep(1000);
        }
    }

    // -- JSON -------------------------------------------------------------------------------------

    /** Members of an object. What is broken or not there is null, as JSON's null is. */
    static final class Json {
        private final String text;
        private int at;

        private Json(String text) {
            this.text = text;
        }

        static String member(String object, String name) {
            try {
                return object == null ? null : new Json(object).find(name);
            } catch (IndexOutOfBoundsException | NumberFormatException e) {
                return null;
            }
        }

        private String find(String name) {
            blanks();
            if (text.charAt(at) != '{') {
                return null;
            }
            while (text.charAt(at) != '}') {
                at++; // the brace, or a comma
                blanks();
                if (text.charAt(at) == '}') {
                    return null;
                }
                String key = string();
                blanks();
                at++; // the colon
                blanks();
                String value = value();
                if (key.equals(name)) {
                    return value;
                }
                blanks();
            }
            return null;
        }

        private void blanks() {
            while (Character.isWhitespace(text.charAt(at))) {
                at++;
            }
        }

        private String value() {
            int from = at;
            if (text.charAt(at) == '"') {
                return string();
            }
            for (int depth = 0; depth > 0 || ",}] \t\r\n".indexOf(text.charAt(at)) < 0;) {
                char c = text.charAt(at);
                if (c == '"') {
                    string();
                    continue;
                }
                depth += "{[".indexOf(c) >= 0 ? 1 : "}]".indexOf(c) >= 0 ? -1 : 0;
                at++;
            }
            String value = text.substring(from, at);
            return value.equals("null") ? null : value;
        }

        private String string() {
            StringBuilder string = new StringBuilder();
            for (at++; text.charAt(at) != '"'; at++) {
                char c = text.charAt(at);
                if (c == '\\') {
                    at++;
                    c = text.charAt(at);
                    int escape = "bfnrt".indexOf(c);
                    if (escape >= 0) {
                        c = "\b\f\n\r\t".charAt(escape);
                    } else if (c == 'u') {
                        c = (char) Integer.parseInt(text.substring(at + 1, at + 5), 16);
                        at += 4;
                    }
                }
                string.append(c);
            }
            at++;
            return string.toString();
        }
    }

    // ---------------------------------------------------------------------------------------------

    /** A token goes over TLS, or to this machine. */
    static boolean isSafe(String url) {
        return url.matches("(https://|http://(127\\.0\\.0\\.1|localhost)[:/]).*");
    }

    static int run(String[] args) throws InterruptedException {
        try {
            if (args.length == 3 && args[0].equals("pay") && isSafe(args[1])
                && args[2].matches("[1-9][0-9]{0,8}")) {
                return pay(args[1], Long.parseLong(args[2]));
            }
            if (args.length == 1 && args[0].equals("events")) {
                return events();
            }
        } catch (IOException | NotPaid e) {
            return no(e.getMessage());
        }
        System.err.println("usage: Payment pay https://API CENTS | Payment events");
        return USAGE;
    }

    public static void main(String[] args) throws InterruptedException {
        System.exit(run(args));
    }

    private Payment() {
    }
}
