#include "broker/server_settings.h"

#include "broker/record.h"

#include <algorithm>
#include <array>
#include <mutex>

namespace imago::broker {
namespace {

using enum config_type;
constexpr std::string_view forever = "9223372036854775807";
constexpr std::uint8_t setting_record_version = 1;
constexpr char identity_mark = 'i';
constexpr char config_mark = 'c';

constexpr std::array keys{
    config_key{
        "advertised.listeners", text, "", {}, {}, {}, {}, "Addresses that clients are told to connect to."},
    config_key{"auto.create.topics.enable",
               boolean,
               "true",
               {},
               {},
               {},
               {},
               "Whether asking for a topic that is not there creates it. May be set at run time."},
    config_key{"broker.id", int32, "1", {}, {}, {}, {}, "Number of this server."},
    config_key{"compression.gzip.level", int32, "-1", {}, -1, 9, {}, "Default of the topic setting."},
    config_key{"compression.lz4.level", int32, "9", {}, 1, 17, {}, "Default of the topic setting."},
    config_key{"compression.type",
               text,
               "producer",
               {},
               {},
               {},
               "uncompressed, zstd, lz4, snappy, gzip, producer",
               "Default of the topic setting."},
    config_key{"compression.zstd.level", int32, "3", {}, -131072, 22, {}, "Default of the topic setting."},
    config_key{"connections.max.idle.ms",
               int64,
               "600000",
               {},
               {},
               {},
               {},
               "Silent connections are closed after this."},
    config_key{"default.replication.factor", int32, "1", {}, 1, {}, {}, "One server keeps one replica."},
    config_key{"delete.topic.enable", boolean, "true", {}, {}, {}, {}, "Topics can be deleted."},
    config_key{"fetch.max.bytes",
               int32,
               "57671680",
               {},
               1024,
               {},
               {},
               "Most bytes that one fetch is answered with."},
    config_key{"group.consumer.heartbeat.interval.ms",
               int32,
               "5000",
               {},
               1,
               {},
               {},
               "How often members of the consumer protocol are told to heartbeat."},
    config_key{"group.consumer.max.size",
               int32,
               "2147483647",
               {},
               1,
               {},
               {},
               "Most members of a group of the consumer protocol."},
    config_key{"group.consumer.migration.policy",
               text,
               "bidirectional",
               {},
               {},
               {},
               "disabled, downgrade, upgrade, bidirectional",
               "Whether groups with members may change between the protocols."},
    config_key{"group.consumer.session.timeout.ms",
               int32,
               "45000",
               {},
               1,
               {},
               {},
               "Silent members of the consumer protocol are taken out of their group after this."},
    config_key{"group.initial.rebalance.delay.ms",
               int32,
               "3000",
               {},
               {},
               {},
               {},
               "How long an empty group waits for more members before its first rebalance."},
    config_key{"group.max.session.timeout.ms",
               int32,
               "1800000",
               {},
               1,
               {},
               {},
               "Greatest session timeout that members may ask for."},
    config_key{"group.max.size", int32, "2147483647", {}, 1, {}, {}, "Most members of a classic group."},
    config_key{"group.min.session.timeout.ms",
               int32,
               "6000",
               {},
               1,
               {},
               {},
               "Least session timeout that members may ask for."},
    config_key{"listeners", text, "", {}, {}, {}, {}, "Addresses that the server listens on."},
    config_key{
        "log.cleaner.delete.retention.ms", int64, "86400000", {}, 0, {}, {}, "Default of the topic setting."},
    config_key{
        "log.cleaner.max.compaction.lag.ms", int64, forever, {}, 1, {}, {}, "Default of the topic setting."},
    config_key{"log.cleaner.min.cleanable.ratio", real, "0.5", {}, 0, 1, {}, "Default of the topic setting."},
    config_key{
        "log.cleaner.min.compaction.lag.ms", int64, "0", {}, 0, {}, {}, "Default of the topic setting."},
    config_key{"log.cleanup.policy",
               list,
               "delete",
               {},
               {},
               {},
               "compact, delete",
               "Default of the topic setting. May be set at run time."},
    config_key{"log.dirs", text, "", {}, {}, {}, {}, "The folder of all data."},
    config_key{"log.flush.interval.messages",
               int64,
               forever,
               {},
               1,
               {},
               {},
               "Every acknowledged record is on the disk whatever this says."},
    config_key{"log.flush.interval.ms",
               int64,
               forever,
               {},
               0,
               {},
               {},
               "Every acknowledged record is on the disk whatever this says."},
    config_key{"log.index.interval.bytes", int32, "4096", {}, 0, {}, {}, "Default of the topic setting."},
    config_key{"log.index.size.max.bytes", int32, "10485760", {}, 4, {}, {}, "Default of the topic setting."},
    config_key{"log.local.retention.bytes", int64, "-2", {}, -2, {}, {}, "Default of the topic setting."},
    config_key{"log.local.retention.ms", int64, "-2", {}, -2, {}, {}, "Default of the topic setting."},
    config_key{"log.message.timestamp.after.max.ms",
               int64,
               "3600000",
               {},
               0,
               {},
               {},
               "Default of the topic setting. May be set at run time."},
    config_key{"log.message.timestamp.before.max.ms",
               int64,
               forever,
               {},
               0,
               {},
               {},
               "Default of the topic setting. May be set at run time."},
    config_key{"log.message.timestamp.type",
               text,
               "CreateTime",
               {},
               {},
               {},
               "CreateTime, LogAppendTime",
               "Default of the topic setting. May be set at run time."},
    config_key{"log.preallocate", boolean, "false", {}, {}, {}, {}, "Default of the topic setting."},
    config_key{"log.retention.bytes",
               int64,
               "-1",
               {},
               {},
               {},
               {},
               "Default of the topic setting. May be set at run time."},
    config_key{"log.retention.ms",
               int64,
               "604800000",
               {},
               -1,
               {},
               {},
               "Default of the topic setting. May be set at run time."},
    config_key{"log.roll.jitter.ms", int64, "0", {}, 0, {}, {}, "Default of the topic setting."},
    config_key{"log.roll.ms", int64, "604800000", {}, 1, {}, {}, "Default of the topic setting."},
    config_key{
        "log.segment.bytes", int32, "1073741824", {}, 1048576, {}, {}, "Default of the topic setting."},
    config_key{"log.segment.delete.delay.ms", int64, "60000", {}, 0, {}, {}, "Default of the topic setting."},
    config_key{"max.connections", int32, "2147483647", {}, 0, {}, {}, "Connections at one time."},
    config_key{"max.connections.per.ip", int32, "2147483647", {}, 0, {}, {}, "Connections of one address."},
    config_key{"message.max.bytes",
               int32,
               "1048588",
               {},
               0,
               {},
               {},
               "Largest record batch; default of the topic setting. May be set at run time."},
    config_key{"min.insync.replicas", int32, "1", {}, 1, {}, {}, "Default of the topic setting."},
    config_key{"node.id", int32, "1", {}, {}, {}, {}, "Number of this server."},
    config_key{"num.network.threads", int32, "1", {}, 1, {}, {}, "Threads that serve connections."},
    config_key{"num.partitions",
               int32,
               "1",
               {},
               1,
               100'000,
               {},
               "Partitions of topics that are created without a number. May be set at run time."},
    config_key{"offset.metadata.max.bytes",
               int32,
               "4096",
               {},
               {},
               {},
               {},
               "Longest text that may go with a committed offset."},
    config_key{"offsets.retention.minutes",
               int32,
               "10080",
               {},
               1,
               {},
               {},
               "Committed offsets that nobody commits again, of groups without members, are forgotten after this."},
    config_key{"process.roles", list, "broker", {}, {}, {}, {}, "What this server does."},
    config_key{"producer.id.expiration.ms",
               int32,
               "86400000",
               {},
               1,
               {},
               {},
               "Idempotent producers that are silent for this long are forgotten."},
    config_key{"socket.request.max.bytes", int32, "104857600", {}, 1, {}, {}, "Largest request."},
    config_key{
        "unclean.leader.election.enable", boolean, "false", {}, {}, {}, {}, "Default of the topic setting."},
};

constexpr std::array<std::string_view, 10> dynamic_names{"auto.create.topics.enable",
                                                         "compression.type",
                                                         "log.cleanup.policy",
                                                         "log.message.timestamp.after.max.ms",
                                                         "log.message.timestamp.before.max.ms",
                                                         "log.message.timestamp.type",
                                                         "log.retention.bytes",
                                                         "log.retention.ms",
                                                         "message.max.bytes",
                                                         "num.partitions"};

constexpr bool by_name(const config_key& a, const config_key& b) { return a.name < b.name; }
static_assert(std::is_sorted(keys.begin(), keys.end(), by_name));

}  // namespace

std::span<const config_key> server_config_keys() { return keys; }

const config_key* find_server_config(std::string_view name) {
    const auto found =
        std::lower_bound(keys.begin(), keys.end(), name,
                         [](const config_key& key, std::string_view wanted) { return key.name < wanted; });
    return found != keys.end() && found->name == name ? &*found : nullptr;
}

bool is_dynamic(const config_key& key) {
    return std::find(dynamic_names.begin(), dynamic_names.end(), key.name) != dynamic_names.end();
}

server_settings::server_settings(config_map configured) : configured_(std::move(configured)) {
    refresh_locked();
}

std::string server_settings::cluster_id() const {
    std::shared_lock lock(mutex_);
    return cluster_id_;
}

std::string server_settings::value_locked(const config_key& key) const {
    if (const auto set = dynamic_.find(key.name); set != dynamic_.end()) return set->second;
    if (const auto set = configured_.find(key.name); set != configured_.end()) return set->second;
    return std::string(key.initial);
}

std::string server_settings::value(std::string_view name) const {
    const config_key* key = find_server_config(name);
    if (key == nullptr) return {};
    std::shared_lock lock(mutex_);
    return value_locked(*key);
}

std::int64_t server_settings::number(std::string_view name) const { return config_integer(value(name)); }

topic_defaults server_settings::defaults() const {
    topic_defaults defaults;
    std::shared_lock lock(mutex_);
    for (const config_key& key : topic_config_keys()) {
        if (key.server_name.empty()) continue;
        if (const auto set = dynamic_.find(key.server_name); set != dynamic_.end()) {
            defaults.set(key.name, set->second, config_source::server_dynamic);
        } else if (const auto given = configured_.find(key.server_name); given != configured_.end()) {
            defaults.set(key.name, given->second, config_source::server_file);
        }
    }
    return defaults;
}

config_map server_settings::dynamic() const {
    std::shared_lock lock(mutex_);
    return dynamic_;
}

std::vector<config_entry> server_settings::describe() const {
    std::vector<config_entry> entries;
    entries.reserve(keys.size());
    std::shared_lock lock(mutex_);
    for (const config_key& key : keys) {
        config_entry entry{&key, {}, {}, !is_dynamic(key), {}};
        if (const auto set = dynamic_.find(key.name); set != dynamic_.end()) {
            entry.synonyms.push_back({key.name, set->second, config_source::server_dynamic});
        }
        if (const auto given = configured_.find(key.name); given != configured_.end()) {
            entry.synonyms.push_back({key.name, given->second, config_source::server_file});
        }
        entry.synonyms.push_back({key.name, std::string(key.initial), config_source::built_in});
        entry.value = entry.synonyms.front().value;
        entry.source = entry.synonyms.front().source;
        entries.push_back(std::move(entry));
    }
    return entries;
}

std::size_t server_settings::unreadable() const {
    std::shared_lock lock(mutex_);
    return unreadable_.size();
}

void server_settings::refresh_locked() {
    default_partitions_ =
        static_cast<std::int32_t>(config_integer(value_locked(*find_server_config("num.partitions"))));
    auto_create_topics_ = config_boolean(value_locked(*find_server_config("auto.create.topics.enable")));
}

void server_settings::apply(byte_view key, byte_view value, bool removed) {
    const char mark = key.empty() ? '\0' : static_cast<char>(key[0]);
    const std::string name(as_text(key.empty() ? key : key.subspan(1)));
    record_reader in(value);
    const bool known =
        (mark == identity_mark && name.empty()) || (mark == config_mark && find_server_config(name));
    const bool version = removed || in.get<std::uint8_t>() == setting_record_version;
    const std::string text(removed ? std::string_view{} : in.get_text());
    bool readable = known && (removed || (version && in.done()));
    if (readable && !removed && mark == config_mark)
        readable = !config_problem(*find_server_config(name), text);
    {
        std::unique_lock lock(mutex_);
        unreadable_.erase(std::string(as_text(key)));
        if (!readable) {
            if (!removed) unreadable_[std::string(as_text(key))] = as_text(value);
            return;
        }
        if (mark == identity_mark) {
            cluster_id_ = text;
        } else if (removed) {
            dynamic_.erase(name);
        } else {
            dynamic_[name] = text;
        }
        refresh_locked();
    }
    if (on_change) on_change();
}

void server_settings::dump(const std::function<void(byte_view key, byte_view value)>& out) const {
    std::vector<store::table_change> records;
    {
        std::shared_lock lock(mutex_);
        if (!cluster_id_.empty()) records.push_back(identity_record(cluster_id_));
        for (const auto& [name, value] : dynamic_) records.push_back(config_record(name, value));
        for (const auto& [key, value] : unreadable_)
            records.push_back({store::table_id::server, key, value, false});
    }
    for (const auto& record : records) out(as_bytes(record.key), as_bytes(record.value));
}

store::table_change server_settings::identity_record(std::string_view cluster_id) {
    record_writer out(setting_record_version);
    out.put_text(cluster_id);
    return {store::table_id::server, std::string(1, identity_mark), out.take(), false};
}

store::table_change server_settings::config_record(std::string_view name, std::string_view value) {
    record_writer out(setting_record_version);
    out.put_text(value);
    return {store::table_id::server, config_mark + std::string(name), out.take(), false};
}

store::table_change server_settings::config_removal(std::string_view name) {
    return {store::table_id::server, config_mark + std::string(name), {}, true};
}

}  // namespace imago::broker
