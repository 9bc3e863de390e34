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
    private final Records records;
    private final Topics topics;

    private Session(String address) {
        records = new Records(address);
        topics = new Topics(address);
    }

    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        Session session = new Session(args[0]);
        PrintStream answers = System.out;
        System.setOut(System.err);
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            Map<String, Object> answer = new LinkedHashMap<>();
            try {
                answer.put("ok", session.answer(json.readTree(line)));
            } catch (Exception error) {
                Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
                Errors known = Errors.forException(cause);
                answer.put("error", cause.getClass().getSimpleName() + ": " + cause.getMessage());
                answer.put("code", known == Errors.UNKNOWN_SERVER_ERROR ? null : known.code());
            }
            answers.println(json.writeValueAsString(answer));
            answers.flush();
        }
        System.exit(0);
    }

    private Object answer(JsonNode request) throws Exception {
        String verb = request.get("do").asText();
        switch (verb) {
            case "hello":
                return Map.of("version", AppInfoParser.getVersion(),
                              "codecs", new String[] {"none", "gzip", "snappy", "lz4", "zstd"});
            case "produce":
                return records.produce(request);
            case "consume":
                return records.consume(request);
            default:
                return topics.answer(verb, request);
        }
    }
}
