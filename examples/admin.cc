// Makes a topic, changes its configuration, looks at it.     admin BOOTSTRAP TOPIC PARTITIONS
#include <cstdio>
#include <thread>

#include "imago/blocking.h"

using namespace imago::client;

// [admin]
result<> set_up(const client_options& options, const std::string& name, std::int32_t partitions) {
    blocking::admin admin(options);
    new_topic wanted;
    wanted.name = name;
    wanted.partitions = partitions;
    wanted.configs["retention.ms"] = "3600000";
    const auto created = admin.create_topics({wanted});
    if (!created) return tl::unexpected(created.error());       // nobody could be asked
    if (created->front().error) return tl::unexpected(created->front().error);  // this topic was refused

    // A Kafka broker may hear of the new topic a moment after its controller has made it.
    auto topic = admin.describe_topic(name);
    for (int tries = 0; !topic && topic.error() == kafka_errc::unknown_topic_or_partition && tries < 50; ++tries) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        topic = admin.describe_topic(name);
    }
    if (!topic) return tl::unexpected(topic.error());

    config_change longer{"retention.ms", "7200000"};
    const auto changed = admin.alter_configs(name, {longer});
    if (!changed || changed->error) return tl::unexpected(changed ? changed->error : changed.error());

    const auto configs = admin.describe_configs(name);
    if (!configs) return tl::unexpected(configs.error());
    std::printf("%s has %zu partitions\n", topic->name.c_str(), topic->partitions.size());
    for (const config_entry& each : *configs)
        if (!each.is_default) std::printf("%s=%s\n", each.name.c_str(), each.value.value_or("").c_str());

    const auto ends = admin.list_offsets({{name, 0}}, offset_spec::latest);
    if (!ends) return tl::unexpected(ends.error());
    std::printf("partition 0 ends at %lld\n", static_cast<long long>(ends->front().offset));
    return {};
}
// [/admin]

int main(int argc, char** argv) {
    if (argc < 4) return 2;
    client_options options;
    options.brokers = {argv[1]};
    const result<> done = set_up(options, argv[2], std::atoi(argv[3]));
    if (!done) std::printf("error %s\n", done.error().message().c_str());
    return done ? 0 : 1;
}
