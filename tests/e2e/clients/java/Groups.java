import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** Groups through the admin client. */
final class Groups {
    static final String[] CAN = {"topics", "max_timestamp", "classic", "consumer", "cooperative", "static", "pattern", "groups", "describe",
                                 "offsets", "reset", "delete", "positions"};
    private final String address;
    private Admin admin;

    Groups(String address) {
        this.address = address;
    }

    Object answer(String verb, JsonNode request) throws Exception {
        if (admin == null) {
            admin = Admin.create(Map.of("bootstrap.servers", address));
        }
        String group = request.path("group").asText();
        switch (verb) {
            case "groups":
                return admin.listGroups().all().get().stream().map(GroupListing::groupId).toList();
            case "describe_group":
                ConsumerGroupDescription found = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
                return Map.of("state", found.groupState().toString().toLowerCase(), "members", found.members().size(),
                              "type", found.type().toString().toLowerCase());
            case "delete_group":
                return admin.deleteConsumerGroups(List.of(group)).all().get();
            case "offsets":
                return offsets(group, request);
            default:
                return reset(group, request);
        }
    }

    private Object offsets(String group, JsonNode request) throws Exception {
        List<TopicPartition> asked = new ArrayList<>();
        request.get("partitions").forEach(p -> asked.add(new TopicPartition(request.get("topic").asText(), p.asInt())));
        ListConsumerGroupOffsetsSpec spec = new ListConsumerGroupOffsetsSpec().topicPartitions(asked);
        Map<TopicPartition, OffsetAndMetadata> found =
                admin.listConsumerGroupOffsets(Map.of(group, spec)).partitionsToOffsetAndMetadata(group).get();
        List<Object[]> told = new ArrayList<>();
        for (TopicPartition tp : asked) {
            OffsetAndMetadata at = found.get(tp);
            told.add(new Object[] {tp.partition(), at == null ? -1 : at.offset(), at == null ? "" : at.metadata()});
        }
        return told;
    }

    private Object reset(String group, JsonNode request) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> wanted = new HashMap<>();
        request.get("offsets").forEach(o -> wanted.put(new TopicPartition(request.get("topic").asText(), o.get(0).asInt()),
                                                       new OffsetAndMetadata(o.get(1).asLong())));
        return admin.alterConsumerGroupOffsets(group, wanted).all().get();
    }
}
