import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.BiConsumer;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A member of a group: polls on a thread of its own, tells what it gets, commits it. The events are in session.py. */
final class Member implements ConsumerRebalanceListener {
    private interface Work {
        Object run() throws Exception;
    }

    private record Call(Work work, CompletableFuture<Object> done) {
    }

    private final KafkaConsumer<byte[], byte[]> consumer;
    private final boolean commits;
    private final BiConsumer<String, Map<String, Object>> tell;
    private final BlockingQueue<Call> calls = new LinkedBlockingQueue<>();
    private final Set<TopicPartition> owned = new TreeSet<>((a, b) -> a.toString().compareTo(b.toString()));
    private final Map<TopicPartition, Long> positions = new HashMap<>();
    private boolean left;

    Member(String address, JsonNode request, BiConsumer<String, Map<String, Object>> tell) {
        this.tell = tell;
        String protocol = request.get("protocol").asText();
        JsonNode assignor = request.path("assignor");
        Map<String, Object> config = new HashMap<>(Map.of(
                "bootstrap.servers", address, "group.id", request.get("group").asText(), "group.protocol", protocol,
                "enable.auto.commit", false, "auto.offset.reset", "earliest", "fetch.max.wait.ms", 100,
                "metadata.max.age.ms", 5000, "reconnect.backoff.ms", 20, "reconnect.backoff.max.ms", 300));
        if (protocol.equals("classic")) {
            config.put("session.timeout.ms", request.get("session_ms").asInt());
            config.put("heartbeat.interval.ms", request.get("heartbeat_ms").asInt());
        }
        if (assignor.isTextual()) {
            config.put(protocol.equals("classic") ? "partition.assignment.strategy" : "group.remote.assignor",
                       assignor.asText());
        }
        if (request.path("instance").isTextual()) {
            config.put("group.instance.id", request.get("instance").asText());
        }
        commits = request.path("commit").asText("each").equals("each");
        consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        if (request.path("pattern").isTextual()) {
            String pattern = request.get("pattern").asText();
            if (protocol.equals("classic")) {
                consumer.subscribe(Pattern.compile(pattern), this);
            } else {
                consumer.subscribe(new SubscriptionPattern(pattern), this);     // the server matches it
            }
        } else {
            List<String> topics = new ArrayList<>();
            request.get("topics").forEach(t -> topics.add(t.asText()));
            consumer.subscribe(topics, this);
        }
        Thread thread = new Thread(this::run, "member");
        thread.setDaemon(true);
        thread.start();
    }

    Object commit(String metadata) throws Exception {
        return call(() -> commitNow(metadata));
    }

    /** The next polls come that much later; returns at once. */
    void stall(long ms) {
        calls.add(new Call(() -> {
            Thread.sleep(ms);
            return null;
        }, new CompletableFuture<>()));
    }

    /** Where it stands in each queue that it has: topic, partition, position; null: it has not found that out. */
    Object positions() throws Exception {
        return call(() -> {
            List<Object[]> told = new ArrayList<>();
            for (TopicPartition tp : owned) {
                Long at = null;
                try {
                    at = consumer.position(tp, Duration.ofMillis(300));
                } catch (TimeoutException | IllegalStateException nowhere) {
                    // told as null
                }
                told.add(new Object[] {tp.topic(), tp.partition(), at});
            }
            return told;
        });
    }

    void leave() throws Exception {
        call(() -> {
            left = true;
            consumer.close();
            onPartitionsRevoked(List.copyOf(owned));
            return null;
        });
    }

    private Object call(Work work) throws Exception {
        CompletableFuture<Object> done = new CompletableFuture<>();
        calls.add(new Call(work, done));
        return done.get(30, java.util.concurrent.TimeUnit.SECONDS);
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> gained) {
        owned.addAll(gained);
        tellOwned();
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> lost) {
        owned.removeAll(lost);
        positions.keySet().retainAll(owned);
        tellOwned();
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> lost) {
        onPartitionsRevoked(lost);
    }

    private void tellOwned() {
        List<Object[]> parts = new ArrayList<>();
        owned.forEach(tp -> parts.add(new Object[] {tp.topic(), tp.partition()}));
        tell.accept("owned", Map.of("parts", parts));
    }

    private List<Object[]> commitNow(String metadata) {
        Map<TopicPartition, OffsetAndMetadata> wanted = new HashMap<>();
        positions.forEach((tp, at) -> wanted.put(tp, new OffsetAndMetadata(at, metadata)));
        List<Object[]> told = new ArrayList<>();
        if (!wanted.isEmpty()) {
            consumer.commitSync(wanted);
            wanted.forEach((tp, at) -> told.add(new Object[] {tp.topic(), tp.partition(), at.offset()}));
            tell.accept("committed", Map.of("o", told));
        }
        return told;
    }

    private void run() {
        while (!left) {
            for (Call call = calls.poll(); call != null; call = calls.poll()) {
                try {
                    call.done.complete(call.work.run());
                } catch (Exception error) {
                    call.done.completeExceptionally(error);
                }
            }
            if (!left) {
                try {
                    take(consumer.poll(Duration.ofMillis(100)));
                } catch (Exception error) {     // a commit that comes too late, a server that is away: it goes on
                    tell.accept("trouble", Map.of("text", error.getClass().getSimpleName() + ": " + error.getMessage()));
                }
            }
        }
    }

    private void take(ConsumerRecords<byte[], byte[]> records) {
        if (records.isEmpty()) {
            return;
        }
        List<Object[]> told = new ArrayList<>();
        for (ConsumerRecord<byte[], byte[]> r : records) {
            String value = r.value() == null ? "" : new String(r.value(), StandardCharsets.ISO_8859_1);
            told.add(new Object[] {r.topic(), r.partition(), r.offset(), value});
            positions.put(new TopicPartition(r.topic(), r.partition()), r.offset() + 1);
        }
        tell.accept("got", Map.of("r", told));
        if (commits) {
            commitNow("");
        }
    }
}
