import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Producing with the producer's default settings (so: idempotent), consuming with assign and seek, no group. */
final class Records {
    private final String address;
    private final Map<String, KafkaProducer<byte[], byte[]>> producers = new HashMap<>();

    Records(String address) {
        this.address = address;
    }

    List<Long> produce(JsonNode request) throws Exception {
        KafkaProducer<byte[], byte[]> producer = producers.computeIfAbsent(request.get("codec").asText(), codec -> {
            Map<String, Object> config = Map.of("bootstrap.servers", address, "compression.type", codec);
            return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
        });
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (JsonNode r : request.get("records")) {
            List<Header> headers = new ArrayList<>();
            for (JsonNode h : r.get("h")) {
                headers.add(new RecordHeader(h.get(0).asText(), decode(h.get(1))));
            }
            Long time = r.get("ts").isNull() ? null : r.get("ts").asLong();
            sent.add(producer.send(new ProducerRecord<>(request.get("topic").asText(), r.get("p").asInt(), time,
                                                        decode(r.get("k")), decode(r.get("v")), headers)));
        }
        producer.flush();
        List<Long> offsets = new ArrayList<>();
        for (Future<RecordMetadata> one : sent) {
            offsets.add(one.get().offset());
        }
        return offsets;
    }

    List<Map<String, Object>> consume(JsonNode request) {
        int wait = request.path("max_wait_ms").asInt(500);
        int count = request.get("count").asInt();
        long deadline = System.nanoTime() + request.path("timeout_s").asLong(20) * 1_000_000_000L;
        Map<String, Object> config = Map.of("bootstrap.servers", address, "fetch.max.wait.ms", wait,
                                            "auto.offset.reset", "none", "enable.auto.commit", false);
        List<Map<String, Object>> got = new ArrayList<>();
        KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        try {
            List<TopicPartition> partitions = new ArrayList<>();
            for (JsonNode p : request.get("partitions")) {
                partitions.add(new TopicPartition(request.get("topic").asText(), p.asInt()));
            }
            consumer.assign(partitions);
            seek(consumer, partitions, request.get("begin"));
            for (long left; got.size() < count && (left = deadline - System.nanoTime()) > 0;) {
                for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofNanos(left))) {
                    if (got.size() < count) {
                        got.add(render(r));
                    }
                }
            }
        } finally {
            consumer.close(CloseOptions.timeout(Duration.ZERO));    // its next fetch may be waiting at the server
        }
        return got;
    }

    private static void seek(KafkaConsumer<byte[], byte[]> consumer, List<TopicPartition> partitions, JsonNode begin) {
        if (begin.isTextual()) {
            consumer.seekToBeginning(partitions);
        } else if (begin.has("offset")) {
            partitions.forEach(p -> consumer.seek(p, begin.get("offset").asLong()));
        } else {
            Map<TopicPartition, Long> times = new HashMap<>();
            partitions.forEach(p -> times.put(p, begin.get("time").asLong()));
            for (Map.Entry<TopicPartition, OffsetAndTimestamp> found : consumer.offsetsForTimes(times).entrySet()) {
                if (found.getValue() == null) {
                    consumer.seekToEnd(List.of(found.getKey()));
                } else {
                    consumer.seek(found.getKey(), found.getValue().offset());
                }
            }
        }
    }

    private static Map<String, Object> render(ConsumerRecord<byte[], byte[]> r) {
        List<Object[]> headers = new ArrayList<>();
        for (Header h : r.headers()) {
            headers.add(new Object[] {h.key(), encode(h.value())});
        }
        Map<String, Object> out = new HashMap<>();
        out.put("p", r.partition());
        out.put("o", r.offset());
        out.put("ts", r.timestamp());
        out.put("k", encode(r.key()));
        out.put("v", encode(r.value()));
        out.put("h", headers);
        return out;
    }

    private static byte[] decode(JsonNode text) {
        return text.isNull() ? null : Base64.getDecoder().decode(text.asText());
    }

    private static String encode(byte[] data) {
        return data == null ? null : Base64.getEncoder().encodeToString(data);
    }
}
