// Changing the server's settings at run time. Changes are carried out one after the other.
//
// Threads: any. `done` is called once, on the log thread, or before the function returns when nothing had to
// be written.
#pragma once

#include "broker/changes.h"
#include "broker/config.h"
#include "broker/server_settings.h"

#include <deque>
#include <functional>
#include <mutex>
#include <vector>

namespace imago::broker {

struct server_outcome {
    std::error_code error;
    std::string message;
};

class server_admin {
public:
    using done_function = std::function<void(server_outcome)>;

    server_admin(store::store& store, server_settings& settings) : store_(store), settings_(settings) {}

    void change_configs(std::vector<config_change> steps, bool validate_only, done_function done);
    /// Everything that is to be set at run time; what is not named is no longer set.
    void replace_configs(std::vector<config_setting> wanted, bool validate_only, done_function done);

private:
    /// The settings as they shall be, or why they cannot be.
    using planner = std::function<std::optional<config_refusal>(config_map&)>;
    struct job {
        planner plan;
        bool validate_only;
        done_function done;
    };
    void start(job job);
    void run(job job);
    void finished();

    store::store& store_;
    server_settings& settings_;
    std::mutex mutex_;
    bool busy_ = false;
    std::deque<job> waiting_;
};

}  // namespace imago::broker
