#include "broker/broker.h"

#include <array>

namespace imago::broker {
namespace {

/// The usual form with hyphens, as it stands at the end of member ids.
std::string to_text(const uuid& id) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += digits[id.bytes[i] >> 4];
        text += digits[id.bytes[i] & 15];
    }
    return text;
}

}  // namespace

broker_tables::broker_tables(config_map configured)
    : settings(std::move(configured)), offsets(settings.number("offsets.retention.minutes") * 60'000) {
    topics.set_defaults(settings.defaults());
    settings.on_change = [this] { topics.set_defaults(settings.defaults()); };
}

std::vector<store::table_binding> broker_tables::bindings() {
    return {{store::table_id::server, &settings},
            {store::table_id::topics, &topics},
            {store::table_id::group_offsets, &offsets},
            {store::table_id::producer_ids, &producers},
            {store::table_id::groups, &group_records}};
}

std::string broker_tables::problem() const {
    const std::array<std::pair<const char*, std::size_t>, 5> counts{
        {{"topic catalogue", topics.unreadable()},
         {"server settings", settings.unreadable()},
         {"committed offsets", offsets.unreadable()},
         {"producer ids", producers.unreadable()},
         {"groups", group_records.unreadable()}}};
    std::string text;
    for (const auto& [what, count] : counts) {
        if (count == 0) continue;
        text += (text.empty() ? "" : "; ") + std::to_string(count) + " record(s) of the " + what +
                " cannot be read by this version";
    }
    return text;
}

service::service(store::store& store, broker_tables& tables, service_options options)
    : settings(tables.settings),
      topics(tables.topics),
      offsets(tables.offsets),
      topic_work(store, tables.topics,
                 {options.node_id, [&tables] { return tables.settings.default_partitions(); },
                  options.partitions_per_request_max,
                  [](const topic& gone, change_list& changes) {
                      changes.push_back(group_offsets::topic_removal(gone.id));
                  }}),
      server_work(store, tables.settings),
      commits(store, tables.offsets,
              static_cast<std::size_t>(tables.settings.number("offset.metadata.max.bytes"))),
      ids(store, tables.producers),
      directory(tables.topics),
      group_work(store, tables.group_records, tables.offsets, commits,
                 group_context(tables.settings, directory, options)),
      options_(options),
      store_(store) {
    topics.on_change = [this](const std::string& name) { group_work.topics_changed({name}); };
}

service::~service() { topics.on_change = {}; }

groups::context service::group_context(const server_settings& settings,
                                       const groups::topic_directory& directory,
                                       const service_options& options) {
    const auto number = [&settings](std::string_view name) {
        return static_cast<std::int32_t>(settings.number(name));
    };
    groups::context context;
    context.options.initial_rebalance_delay_ms = number("group.initial.rebalance.delay.ms");
    context.options.session_timeout_min_ms = number("group.min.session.timeout.ms");
    context.options.session_timeout_max_ms = number("group.max.session.timeout.ms");
    context.options.size_max = number("group.max.size");
    context.options.consumer_session_timeout_ms = number("group.consumer.session.timeout.ms");
    context.options.consumer_heartbeat_interval_ms = number("group.consumer.heartbeat.interval.ms");
    context.options.consumer_size_max = number("group.consumer.max.size");
    using migration = groups::group_options::migration;
    const std::string policy = settings.value("group.consumer.migration.policy");
    context.options.consumer_migration = policy == "disabled"    ? migration::disabled
                                         : policy == "downgrade" ? migration::downgrade
                                         : policy == "upgrade"   ? migration::upgrade
                                                                 : migration::bidirectional;
    context.topics = &directory;
    context.codec = options.subscriptions;
    context.consumer = options.consumer_groups;
    context.new_id = [] { return to_text(uuid::random()); };
    context.log = options.log;
    return context;
}

void service::start(change_done done) {
    const bool first = settings.cluster_id().empty();
    topic_work.resume([this, first, done = std::move(done)](std::error_code error) {
        if (error || !first) return done(error);
        submit(store_, {server_settings::identity_record(uuid::random().to_base64())}, done);
    });
}

}  // namespace imago::broker
