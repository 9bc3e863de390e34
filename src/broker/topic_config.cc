#include "broker/topic_config.h"

#include <algorithm>
#include <array>

namespace imago::broker {
namespace {

using enum config_type;
constexpr std::string_view forever = "9223372036854775807";

// Only those with "in force" in the help change what this server does; the others are kept and shown, because
// clients set them and look for them again.
constexpr std::array keys{
    config_key{"cleanup.policy",
               list,
               "delete",
               "log.cleanup.policy",
               {},
               {},
               "compact, delete",
               "In force. What may remove old records: \"delete\" (retention), \"compact\" (a newer record "
               "of the same "
               "key), or both. Records of compacted topics need keys."},
    config_key{"compression.gzip.level",
               int32,
               "-1",
               "compression.gzip.level",
               -1,
               9,
               {},
               "Level for gzip when compression.type asks for it. Kept and shown."},
    config_key{"compression.lz4.level",
               int32,
               "9",
               "compression.lz4.level",
               1,
               17,
               {},
               "Level for lz4 when compression.type asks for it. Kept and shown."},
    config_key{"compression.type",
               text,
               "producer",
               "compression.type",
               {},
               {},
               "uncompressed, zstd, lz4, snappy, gzip, producer",
               "Codec of stored batches; \"producer\" keeps what the producer chose."},
    config_key{"compression.zstd.level",
               int32,
               "3",
               "compression.zstd.level",
               -131072,
               22,
               {},
               "Level for zstd when compression.type asks for it. Kept and shown."},
    config_key{"delete.retention.ms",
               int64,
               "86400000",
               "log.cleaner.delete.retention.ms",
               0,
               {},
               {},
               "How long a compacted topic keeps the mark of a removed key. Kept and shown."},
    config_key{"file.delete.delay.ms",
               int64,
               "60000",
               "log.segment.delete.delay.ms",
               0,
               {},
               {},
               "Kept and shown: queues share the segments of one log here."},
    config_key{"flush.messages",
               int64,
               forever,
               "log.flush.interval.messages",
               1,
               {},
               {},
               "Kept and shown: every acknowledged record is on the disk whatever this says."},
    config_key{"flush.ms",
               int64,
               forever,
               "log.flush.interval.ms",
               0,
               {},
               {},
               "Kept and shown: every acknowledged record is on the disk whatever this says."},
    config_key{"follower.replication.throttled.replicas", list, "", {}, {}, {}, {}, "Kept and shown."},
    config_key{"index.interval.bytes",
               int32,
               "4096",
               "log.index.interval.bytes",
               0,
               {},
               {},
               "Kept and shown: the index has an entry for each batch."},
    config_key{"leader.replication.throttled.replicas", list, "", {}, {}, {}, {}, "Kept and shown."},
    config_key{
        "local.retention.bytes", int64, "-2", "log.local.retention.bytes", -2, {}, {}, "Kept and shown."},
    config_key{"local.retention.ms", int64, "-2", "log.local.retention.ms", -2, {}, {}, "Kept and shown."},
    config_key{"max.compaction.lag.ms",
               int64,
               forever,
               "log.cleaner.max.compaction.lag.ms",
               1,
               {},
               {},
               "Longest time a record stays out of compaction. Kept and shown."},
    config_key{"max.message.bytes",
               int32,
               "1048588",
               "message.max.bytes",
               0,
               {},
               {},
               "In force. Largest record batch, as sent (after compression)."},
    config_key{"message.timestamp.after.max.ms",
               int64,
               "3600000",
               "log.message.timestamp.after.max.ms",
               0,
               {},
               {},
               "In force. How far a record's time may lie ahead of the server's."},
    config_key{"message.timestamp.before.max.ms",
               int64,
               forever,
               "log.message.timestamp.before.max.ms",
               0,
               {},
               {},
               "In force. How far a record's time may lie behind the server's."},
    config_key{
        "message.timestamp.type",
        text,
        "CreateTime",
        "log.message.timestamp.type",
        {},
        {},
        "CreateTime, LogAppendTime",
        "In force. Whether records keep the producer's time or get the server's when they are appended."},
    config_key{"min.cleanable.dirty.ratio",
               real,
               "0.5",
               "log.cleaner.min.cleanable.ratio",
               0,
               1,
               {},
               "Share of a compacted topic that may be superseded before it is compacted. Kept and shown."},
    config_key{"min.compaction.lag.ms",
               int64,
               "0",
               "log.cleaner.min.compaction.lag.ms",
               0,
               {},
               {},
               "Shortest time before a record may be compacted away. Kept and shown."},
    config_key{
        "min.insync.replicas",
        int32,
        "1",
        "min.insync.replicas",
        1,
        {},
        {},
        "Replicas that must have a record before acks=all is answered. Kept and shown: one server has one."},
    config_key{"preallocate",
               boolean,
               "false",
               "log.preallocate",
               {},
               {},
               {},
               "Kept and shown: segments are always filled ahead of use."},
    config_key{"remote.log.copy.disable", boolean, "false", {}, {}, {}, {}, "Kept and shown."},
    config_key{"remote.log.delete.on.disable", boolean, "false", {}, {}, {}, {}, "Kept and shown."},
    config_key{
        "remote.storage.enable", boolean, "false", {}, {}, {}, {}, "Only false: there is no remote storage."},
    config_key{
        "retention.bytes",
        int64,
        "-1",
        "log.retention.bytes",
        {},
        {},
        {},
        "In force. A queue (partition) larger than this loses its oldest records; negative = no limit."},
    config_key{"retention.ms",
               int64,
               "604800000",
               "log.retention.ms",
               -1,
               {},
               {},
               "In force. Records older than this may be removed; -1 = kept for ever."},
    config_key{"segment.bytes",
               int32,
               "1073741824",
               "log.segment.bytes",
               1048576,
               {},
               {},
               "Kept and shown: queues share the segments of one log (data.segment_size of the server)."},
    config_key{
        "segment.index.bytes", int32, "10485760", "log.index.size.max.bytes", 4, {}, {}, "Kept and shown."},
    config_key{"segment.jitter.ms", int64, "0", "log.roll.jitter.ms", 0, {}, {}, "Kept and shown."},
    config_key{"segment.ms", int64, "604800000", "log.roll.ms", 1, {}, {}, "Kept and shown."},
    config_key{"unclean.leader.election.enable",
               boolean,
               "false",
               "unclean.leader.election.enable",
               {},
               {},
               {},
               "Kept and shown: a damaged replica is never made the truth."},
};

constexpr bool by_name(const config_key& a, const config_key& b) { return a.name < b.name; }
static_assert(std::is_sorted(keys.begin(), keys.end(), by_name));

}  // namespace

std::span<const config_key> topic_config_keys() { return keys; }

const config_key* find_topic_config(std::string_view name) {
    const auto found =
        std::lower_bound(keys.begin(), keys.end(), name,
                         [](const config_key& key, std::string_view wanted) { return key.name < wanted; });
    return found != keys.end() && found->name == name ? &*found : nullptr;
}

topic_defaults::topic_defaults() {
    values.reserve(keys.size());
    for (const config_key& key : keys) values.push_back({std::string(key.initial), config_source::built_in});
}

void topic_defaults::set(std::string_view name, std::string text, config_source source) {
    if (const config_key* key = find_topic_config(name)) {
        values[static_cast<std::size_t>(key - keys.data())] = {std::move(text), source};
    }
}

std::optional<std::string> topic_config_problem(const config_map& configs) {
    for (const auto& [name, value] : configs) {
        const config_key* key = find_topic_config(name);
        if (key == nullptr) return "Unknown topic config name: " + name.substr(0, 200);
        if (auto problem = config_problem(*key, value)) return problem;
        if (name == "remote.storage.enable" && config_boolean(value)) {
            return "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with "
                   "remote log "
                   "storage.";
        }
    }
    return std::nullopt;
}

topic_settings make_topic_settings(const config_map& configs, const topic_defaults& defaults) {
    const auto value = [&](std::string_view name) -> std::string_view {
        const config_key* key = find_topic_config(name);
        const auto explicitly = configs.find(name);
        if (explicitly != configs.end() && !config_problem(*key, explicitly->second))
            return explicitly->second;
        return defaults.values[static_cast<std::size_t>(key - keys.data())].text;
    };
    topic_settings settings;
    settings.max_message_bytes = static_cast<std::int32_t>(config_integer(value("max.message.bytes")));
    settings.retention_ms = config_integer(value("retention.ms"));
    settings.retention_bytes = config_integer(value("retention.bytes"));
    settings.timestamp_before_max_ms = config_integer(value("message.timestamp.before.max.ms"));
    settings.timestamp_after_max_ms = config_integer(value("message.timestamp.after.max.ms"));
    settings.min_insync_replicas = static_cast<std::int32_t>(config_integer(value("min.insync.replicas")));
    settings.log_append_time = value("message.timestamp.type") == "LogAppendTime";
    settings.expire = false;
    for (const std::string& policy : config_list(value("cleanup.policy"))) {
        settings.compact |= policy == "compact";
        settings.expire |= policy == "delete";
    }
    const std::string_view codec = value("compression.type");
    if (codec == "uncompressed") settings.codec = compression::none;
    if (codec == "gzip") settings.codec = compression::gzip;
    if (codec == "snappy") settings.codec = compression::snappy;
    if (codec == "lz4") settings.codec = compression::lz4;
    if (codec == "zstd") settings.codec = compression::zstd;
    return settings;
}

std::vector<config_entry> describe_topic_config(const config_map& configs, const topic_defaults& defaults) {
    std::vector<config_entry> entries;
    entries.reserve(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const config_key& key = keys[i];
        config_entry entry{&key, {}, {}, false, {}};
        if (const auto explicitly = configs.find(key.name); explicitly != configs.end()) {
            entry.synonyms.push_back({key.name, explicitly->second, config_source::topic});
        }
        const auto& fallback = defaults.values[i];
        if (fallback.source != config_source::built_in) {
            entry.synonyms.push_back({key.server_name, fallback.text, fallback.source});
        }
        const std::string_view last = key.server_name.empty() ? key.name : key.server_name;
        entry.synonyms.push_back({last, std::string(key.initial), config_source::built_in});
        entry.value = entry.synonyms.front().value;
        entry.source = entry.synonyms.front().source;
        entries.push_back(std::move(entry));
    }
    return entries;
}

}  // namespace imago::broker
