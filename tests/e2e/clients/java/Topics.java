import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** The admin client: topics, their configs, their partitions, their offsets. */
final class Topics {
    private final String address;
    private Admin admin;

    Topics(String address) {
        this.address = address;
    }

    Object answer(String verb, JsonNode request) throws Exception {
        if (admin == null) {
            admin = Admin.create(Map.of("bootstrap.servers", address));
        }
        String topic = request.get("topic").asText();
        switch (verb) {
            case "create_topic":
                Map<String, String> configs = new HashMap<>();
                request.get("configs").properties().forEach(e -> configs.put(e.getKey(), e.getValue().asText()));
                NewTopic wanted = new NewTopic(topic, request.get("partitions").asInt(), (short) 1).configs(configs);
                return admin.createTopics(List.of(wanted)).all().get();
            case "describe_topic":
                return Map.of("partitions", admin.describeTopics(List.of(topic)).allTopicNames().get()
                                                 .get(topic).partitions().size());
            case "describe_configs":
                Map<String, String> found = new HashMap<>();
                admin.describeConfigs(List.of(resource(topic))).all().get().get(resource(topic)).entries()
                     .forEach(e -> found.put(e.name(), e.value()));
                return found;
            case "alter_configs":
                return alter(topic, request);
            case "create_partitions":
                NewPartitions total = NewPartitions.increaseTo(request.get("total").asInt());
                return admin.createPartitions(Map.of(topic, total)).all().get();
            case "delete_records":
                TopicPartition trimmed = new TopicPartition(topic, request.get("partition").asInt());
                return admin.deleteRecords(Map.of(trimmed, RecordsToDelete.beforeOffset(request.get("before").asLong())))
                            .lowWatermarks().get(trimmed).get().lowWatermark();
            case "delete_topic":
                return admin.deleteTopics(List.of(topic)).all().get();
            case "list_offsets":
                TopicPartition listed = new TopicPartition(topic, request.get("partition").asInt());
                return admin.listOffsets(Map.of(listed, spec(request.get("at")))).partitionResult(listed).get().offset();
            default:
                throw new IllegalArgumentException("unsupported: " + verb);
        }
    }

    private Object alter(String topic, JsonNode request) throws Exception {
        List<AlterConfigOp> changes = new ArrayList<>();
        request.get("put").properties().forEach(e -> changes.add(
                new AlterConfigOp(new ConfigEntry(e.getKey(), e.getValue().asText()), AlterConfigOp.OpType.SET)));
        request.get("drop").forEach(name -> changes.add(
                new AlterConfigOp(new ConfigEntry(name.asText(), null), AlterConfigOp.OpType.DELETE)));
        return admin.incrementalAlterConfigs(Map.of(resource(topic), changes)).all().get();
    }

    private static ConfigResource resource(String topic) {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic);
    }

    private static OffsetSpec spec(JsonNode at) {
        if (at.isNumber()) {
            return OffsetSpec.forTimestamp(at.asLong());
        }
        switch (at.asText()) {
            case "earliest":
                return OffsetSpec.earliest();
            case "latest":
                return OffsetSpec.latest();
            default:
                return OffsetSpec.maxTimestamp();
        }
    }
}
