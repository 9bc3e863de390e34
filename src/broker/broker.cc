#include "broker/broker.h"

#include <array>

namespace imago::broker {

broker_tables::broker_tables(config_map configured)
    : settings(std::move(configured)), offsets(settings.number("offsets.retention.minutes") * 60'000) {
    topics.set_defaults(settings.defaults());
    settings.on_change = [this] { topics.set_defaults(settings.defaults()); };
}

std::vector<store::table_binding> broker_tables::bindings() {
    return {{store::table_id::server, &settings},
            {store::table_id::topics, &topics},
            {store::table_id::group_offsets, &offsets},
            {store::table_id::producer_ids, &producers}};
}

std::string broker_tables::problem() const {
    const std::array<std::pair<const char*, std::size_t>, 4> counts{
        {{"topic catalogue", topics.unreadable()},
         {"server settings", settings.unreadable()},
         {"committed offsets", offsets.unreadable()},
         {"producer ids", producers.unreadable()}}};
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
      options_(options),
      store_(store) {}

void service::start(change_done done) {
    const bool first = settings.cluster_id().empty();
    topic_work.resume([this, first, done = std::move(done)](std::error_code error) {
        if (error || !first) return done(error);
        submit(store_, {server_settings::identity_record(uuid::random().to_base64())}, done);
    });
}

}  // namespace imago::broker
