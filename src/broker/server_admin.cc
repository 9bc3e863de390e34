#include "broker/server_admin.h"

#include "broker/errors.h"

#include <memory>
#include <utility>

namespace imago::broker {
namespace {

std::optional<config_refusal> problem_of(const config_map& configs) {
    for (const auto& [name, value] : configs) {
        const config_key* key = find_server_config(name);
        if (key == nullptr) {
            return config_refusal{make_error_code(broker_errc::invalid_config),
                                  "Unknown broker config name: " + name.substr(0, 200)};
        }
        if (!is_dynamic(*key)) {
            return config_refusal{make_error_code(broker_errc::invalid_request),
                                  "Cannot update these configs dynamically: " + name +
                                      ". It is set in the server's configuration."};
        }
        if (auto problem = config_problem(*key, value)) {
            return config_refusal{make_error_code(broker_errc::invalid_config), *problem};
        }
    }
    return std::nullopt;
}

}  // namespace

void server_admin::change_configs(std::vector<config_change> steps, bool validate_only, done_function done) {
    start({[this, steps = std::move(steps)](config_map& configs) {
               for (const config_change& step : steps) {
                   // Removing what was never set would pass unseen: its name must be right all the same.
                   if (step.what != config_change::kind::remove) continue;
                   if (auto problem = problem_of({{step.name, settings_.value(step.name)}}))
                       return std::optional(*problem);
               }
               return apply_config_changes(configs, steps, [this](std::string_view name) {
                   return config_default{find_server_config(name), settings_.value(name)};
               });
           },
           validate_only, std::move(done)});
}

void server_admin::replace_configs(std::vector<config_setting> wanted, bool validate_only,
                                   done_function done) {
    start({[wanted = std::move(wanted)](config_map& configs) -> std::optional<config_refusal> {
               configs.clear();
               for (const config_setting& one : wanted) {
                   if (!one.value) {
                       return config_refusal{
                           make_error_code(broker_errc::invalid_config),
                           "Null value not supported for broker configs: " + one.name.substr(0, 200)};
                   }
                   configs[one.name] = *one.value;
               }
               return std::nullopt;
           },
           validate_only, std::move(done)});
}

void server_admin::start(job next) {
    {
        std::lock_guard lock(mutex_);
        if (busy_) {
            waiting_.push_back(std::move(next));
            return;
        }
        busy_ = true;
    }
    run(std::move(next));
}

void server_admin::run(job current) {
    const config_map before = settings_.dynamic();
    config_map after = before;
    auto problem = current.plan(after);
    if (!problem) problem = problem_of(after);
    change_list changes;
    if (!problem && !current.validate_only) {
        for (const auto& [name, value] : after) {
            const auto old = before.find(name);
            if (old == before.end() || old->second != value)
                changes.push_back(server_settings::config_record(name, value));
        }
        for (const auto& [name, value] : before) {
            if (!after.contains(name)) changes.push_back(server_settings::config_removal(name));
        }
    }
    if (changes.empty()) {
        const server_outcome outcome =
            problem ? server_outcome{problem->error, problem->message} : server_outcome{};
        current.done(outcome);
        return finished();
    }
    submit(store_, std::move(changes), [this, done = std::move(current.done)](std::error_code error) {
        if (!error) store_.retention_changed();
        done({error, error ? error.message() : std::string()});
        finished();
    });
}

void server_admin::finished() {
    job next;
    {
        std::lock_guard lock(mutex_);
        if (waiting_.empty()) {
            busy_ = false;
            return;
        }
        next = std::move(waiting_.front());
        waiting_.pop_front();
    }
    run(std::move(next));
}

}  // namespace imago::broker
