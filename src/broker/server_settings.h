// The server's own settings under the names that Kafka's clients know, and the identity of the server.
//
// A setting has three layers: built in, from the server's configuration (given at construction), and set at
// run time (kept in this store table). Only few may be set at run time; see server_config_keys(). Of all that
// Kafka has, the list names what clients and consoles look at and what is true of this server.
//
// Threads: any; changes come through apply(). Records: 'i' the cluster's id; 'c' + name a value set at run
// time.
#pragma once

#include "broker/config.h"
#include "broker/topic_config.h"
#include "store/table.h"

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <vector>

namespace imago::broker {

/// All server settings, sorted by name.
[[nodiscard]] std::span<const config_key> server_config_keys();
[[nodiscard]] const config_key* find_server_config(std::string_view name);
/// May be set at run time.
[[nodiscard]] bool is_dynamic(const config_key& key);

class server_settings final : public store::table {
public:
    /// `configured`: values of the server's configuration by Kafka's name; names that are not in the list are
    /// ignored.
    explicit server_settings(config_map configured = {});

    /// Called after a change became durable, with no lock held; set before the store is opened.
    std::function<void()> on_change;

    // ---- any thread ----
    /// Kafka's base64 form; empty before the first start is done.
    [[nodiscard]] std::string cluster_id() const;
    /// The value in force; empty for an unknown name.
    [[nodiscard]] std::string value(std::string_view name) const;
    [[nodiscard]] std::int64_t number(std::string_view name) const;
    /// Without text work, for every request:
    [[nodiscard]] std::int32_t default_partitions() const { return default_partitions_; }
    [[nodiscard]] bool auto_create_topics() const { return auto_create_topics_; }
    [[nodiscard]] topic_defaults defaults() const;
    [[nodiscard]] config_map dynamic() const;
    [[nodiscard]] std::vector<config_entry> describe() const;
    [[nodiscard]] std::size_t unreadable() const;

    // ---- store::table ----
    void apply(byte_view key, byte_view value, bool removed) override;
    void dump(const std::function<void(byte_view key, byte_view value)>& out) const override;

    [[nodiscard]] static store::table_change identity_record(std::string_view cluster_id);
    [[nodiscard]] static store::table_change config_record(std::string_view name, std::string_view value);
    [[nodiscard]] static store::table_change config_removal(std::string_view name);

private:
    [[nodiscard]] std::string value_locked(const config_key& key) const;
    void refresh_locked();

    const config_map configured_;
    mutable std::shared_mutex mutex_;
    std::string cluster_id_;
    config_map dynamic_;
    std::map<std::string, std::string> unreadable_;
    std::atomic<std::int32_t> default_partitions_{1};
    std::atomic<bool> auto_create_topics_{true};
};

}  // namespace imago::broker
