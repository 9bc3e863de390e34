import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.utils.AppInfoParser;

/** Apache's own Java client. It holds the conversation of session.py: one JSON object a line in, one out. */
public final class Session {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final PrintStream ANSWERS = System.out;
    private final Records records;
    private final Topics topics;
    private final Groups groups;
    private final String address;
    private Member member;

    private Session(String address) {
        this.address = address;
        groups = new Groups(address);
        records = new Records(address);
        topics = new Topics(address);
    }

    public static void main(String[] args) throws Exception {
        Session session = new Session(args[0]);
        System.setOut(System.err);
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            Map<String, Object> answer = new LinkedHashMap<>();
            try {
                answer.put("ok", session.answer(JSON.readTree(line)));
            } catch (Exception error) {
                Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
                Errors known = Errors.forException(cause);
                answer.put("error", cause.getClass().getSimpleName() + ": " + cause.getMessage());
                answer.put("code", known == Errors.UNKNOWN_SERVER_ERROR ? null : known.code());
            }
            say(answer);
        }
        System.exit(0);
    }

    private static synchronized void say(Map<String, Object> what) {
        try {
            ANSWERS.println(JSON.writeValueAsString(what));
        } catch (com.fasterxml.jackson.core.JsonProcessingException error) {
            throw new IllegalStateException(error);
        }
        ANSWERS.flush();
    }

    private static void tell(String event, Map<String, Object> more) {
        Map<String, Object> out = new LinkedHashMap<>(more);
        out.put("ev", event);
        out.put("at", System.currentTimeMillis());
        say(out);
    }

    private Object answer(JsonNode request) throws Exception {
        String verb = request.get("do").asText();
        switch (verb) {
            case "hello":
                return Map.of("version", AppInfoParser.getVersion(),
                              "codecs", new String[] {"none", "gzip", "snappy", "lz4", "zstd"}, "can", Groups.CAN);
            case "produce":
                return records.produce(request);
            case "consume":
                return records.consume(request);
            case "join":
                member = new Member(address, request, Session::tell);
                return null;
            case "commit":
                return member.commit(request.path("metadata").asText());
            case "stall":
                member.stall(request.get("ms").asLong());
                return null;
            case "positions":
                return member.positions();
            case "leave":
                member.leave();
                return null;
            case "groups", "describe_group", "delete_group", "offsets", "reset_offsets":
                return groups.answer(verb, request);
            default:
                return topics.answer(verb, request);
        }
    }
}
