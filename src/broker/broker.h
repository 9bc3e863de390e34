// The broker: neutral nouns and verbs that every protocol speaks to.
//
//   broker_tables   durable state: topics, settings, groups, committed offsets, producer ids. Made first, bound to the
//                   store.
//   broker          the verbs over it. Made when the store is open.
//
//   broker_tables tables(settings);
//   auto store = store::open(disk, options_with(tables), tables.bindings());
//   service broker(**store, tables, options);
//   broker.start(...);        // then serve
//   (*store)->close();        // before the broker is destroyed
#pragma once

#include "broker/group_offsets.h"
#include "broker/groups/catalogue_directory.h"
#include "broker/groups/group_coordinator.h"
#include "broker/groups/group_table.h"
#include "broker/offset_commits.h"
#include "broker/producer_ids.h"
#include "broker/server_admin.h"
#include "broker/server_settings.h"
#include "broker/topic_admin.h"
#include "broker/topics.h"
#include "store/store.h"

#include <string>
#include <vector>

namespace imago::broker {

struct broker_tables {
    /// `configured`: values of the server's configuration under Kafka's names; see server_config_keys().
    explicit broker_tables(config_map configured = {});
    broker_tables(const broker_tables&) = delete;
    broker_tables& operator=(const broker_tables&) = delete;

    [[nodiscard]] std::vector<store::table_binding> bindings();
    /// After the store was opened: what cannot be read by this version, in words for the operator; empty if
    /// all is well. With anything in it the server must not serve, for it would answer as if that did not
    /// exist.
    [[nodiscard]] std::string problem() const;

    server_settings settings;
    broker::topics topics;
    group_offsets offsets;
    producer_id_table producers;
    groups::group_table group_records;
};

struct service_options {
    std::int32_t node_id = 1;
    std::int32_t partitions_per_request_max = 100'000;
    /// Of the bytes that members of groups exchange; null: nobody looks into them.
    const groups::subscription_codec* subscriptions = nullptr;
    groups::consumer_factory consumer_groups = {};
    /// One line for the operator; any thread.
    std::function<void(std::string_view)> log = {};
};

class service {
public:
    service(store::store& store, broker_tables& tables, service_options options);
    ~service();

    /// Once, before serving: finishes interrupted work and, the very first time, gives the cluster its id.
    /// `done` is called with the first error, on the log thread or before this returns.
    void start(change_done done);

    [[nodiscard]] std::int32_t node_id() const { return options_.node_id; }

    server_settings& settings;
    broker::topics& topics;
    group_offsets& offsets;
    topic_admin topic_work;
    server_admin server_work;
    offset_commits commits;
    producer_ids ids;
    const groups::catalogue_directory directory;
    /// Needs start() of its own, with the alarm, once start() of the service is done.
    groups::group_coordinator group_work;

private:
    [[nodiscard]] static groups::context group_context(const server_settings& settings,
                                                       const groups::topic_directory& directory,
                                                       const service_options& options);

    const service_options options_;
    store::store& store_;
};

}  // namespace imago::broker
