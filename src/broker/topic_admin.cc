#include "broker/topic_admin.h"

#include "base/check.h"
#include "broker/errors.h"
#include "broker/topic_admin_parts.h"

#include <algorithm>
#include <unordered_set>

namespace imago::broker {

/// The elements of one call; answered when the last is known.
struct topic_admin::batch {
    std::vector<topic_outcome> outcomes;
    std::atomic<std::size_t> left{0};
    topics_done done;
};

struct topic_admin::item {
    std::shared_ptr<topic_admin::batch> batch;
    std::size_t index = 0;
    std::string name;
    planner make;
    topic_admin::plan plan;
};

std::vector<change_list> frames_of(std::span<const queue_run> runs, store::table_change (*change)(queue_id)) {
    std::vector<change_list> frames;
    for (const queue_run& run : runs) {
        for (std::uint32_t i = 0; i < run.count; ++i) {
            if (frames.empty() || frames.back().size() == frame_changes_max) frames.emplace_back();
            frames.back().push_back(change({run.first.value + i}));
        }
    }
    return frames;
}

topic_admin::topic_admin(store::store& store, topics& topics, topic_admin_options options)
    : store_(store), topics_(topics), options_(std::move(options)) {}

topic_admin::~topic_admin() { IMAGO_ASSERT(busy_.empty()); }

void topic_admin::resume(change_done done) {
    std::vector<change_list> frames;
    for (const topics::debris& debris : topics_.unfinished()) {
        // Never a queue that a topic has, whatever the record says.
        std::vector<queue_id> orphans;
        for (const queue_run& run : debris.runs) {
            for (std::uint32_t i = 0; i < run.count; ++i) {
                const queue_id queue{run.first.value + i};
                if (!topics_.locate(queue)) orphans.push_back(queue);
            }
        }
        for (change_list& frame : frames_of(to_runs(orphans), &store::store::queue_removed)) {
            frames.push_back(std::move(frame));
        }
        frames.push_back({topics::debris_removal(debris.id)});
    }
    submit_in_order(store_, std::move(frames),
                    [done = std::move(done)](std::error_code error, std::size_t) { done(error); });
}

void topic_admin::start(std::shared_ptr<batch> all, std::vector<std::pair<std::string, planner>> steps) {
    if (steps.empty()) return all->done({});
    all->outcomes.resize(steps.size());
    all->left = steps.size();

    std::unordered_map<std::string_view, int> uses;
    for (const auto& [name, make] : steps) ++uses[name];
    std::vector<item_ptr> items;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        auto one = std::make_shared<item>();
        one->batch = all;
        one->index = i;
        one->name = steps[i].first;
        one->make = std::move(steps[i].second);
        if (uses[steps[i].first] > 1) {
            one->make = [name = one->name] {
                return plan::refuse(make_error_code(broker_errc::invalid_request),
                                    "Topic '" + name + "' is named more than once in the request.");
            };
        }
        items.push_back(std::move(one));
    }

    std::vector<item_ptr> ready;
    {
        std::lock_guard lock(mutex_);
        for (item_ptr& one : items) {
            const auto [busy, free] = busy_.try_emplace(one->name);
            if (free) {
                ready.push_back(std::move(one));
            } else {
                busy->second.push_back(std::move(one));
            }
        }
    }
    run(std::move(ready));
}

void topic_admin::run(std::vector<item_ptr> ready) {
    while (!ready.empty()) {
        std::vector<item_ptr> next;
        std::vector<item_ptr> together;
        change_list changes;
        std::size_t bytes = 0;
        const auto write = [&] {
            if (!together.empty()) write_together(std::exchange(together, {}), std::exchange(changes, {}));
            bytes = 0;
        };
        for (item_ptr& one : ready) {
            one->plan = one->make();
            if (!one->plan.frames.empty()) {
                write_in_steps(std::move(one));
                continue;
            }
            if (one->plan.changes.empty()) {
                settle(*one, next);
                continue;
            }
            std::size_t size = 0;
            for (const auto& change : one->plan.changes) size += size_of(change);
            if (changes.size() + one->plan.changes.size() > frame_changes_max ||
                bytes + size > frame_bytes_max)
                write();
            bytes += size;
            std::move(one->plan.changes.begin(), one->plan.changes.end(), std::back_inserter(changes));
            together.push_back(std::move(one));
        }
        write();
        ready = std::move(next);
    }
}

void topic_admin::write_together(std::vector<item_ptr> items, change_list changes) {
    submit(store_, std::move(changes), [this, items = std::move(items)](std::error_code error) {
        bool retention = false;
        std::vector<item_ptr> next;
        for (const item_ptr& one : items) {
            if (error) {
                one->plan.error = error;
                one->plan.message = error.message();
            }
            retention |= one->plan.retention && !error;
            settle(*one, next);
        }
        if (retention) store_.retention_changed();
        run(std::move(next));
    });
}

void topic_admin::write_in_steps(item_ptr one) {
    std::vector<change_list> frames = std::exchange(one->plan.frames, {});
    submit_in_order(store_, std::move(frames),
                    [this, one = std::move(one)](std::error_code error, std::size_t durable) {
                        const auto finish = [this, one] {
                            std::vector<item_ptr> next;
                            settle(*one, next);
                            run(std::move(next));
                        };
                        if (durable >= one->plan.frames_needed) return finish();
                        one->plan.error = error;
                        one->plan.message = error.message();
                        if (durable == 0) return finish();
                        // What cannot be undone now is undone at the next start.
                        submit_in_order(store_, std::move(one->plan.undo),
                                        [finish](std::error_code, std::size_t) { finish(); });
                    });
}

void topic_admin::settle(item& one, std::vector<item_ptr>& next) {
    topic_outcome& outcome = one.batch->outcomes[one.index];
    outcome.error = one.plan.error;
    outcome.message = std::move(one.plan.message);
    outcome.note = std::move(one.plan.note);
    outcome.name = one.name;
    outcome.topic = std::move(one.plan.topic);
    {
        std::lock_guard lock(mutex_);
        const auto busy = busy_.find(one.name);
        if (busy->second.empty()) {
            busy_.erase(busy);
        } else {
            next.push_back(std::move(busy->second.front()));
            busy->second.pop_front();
        }
    }
    if (--one.batch->left == 0) one.batch->done(std::move(one.batch->outcomes));
}

void topic_admin::create(std::vector<new_topic> wanted, bool validate_only, unix_ms now, topics_done done) {
    auto all = std::make_shared<batch>();
    all->done = std::move(done);
    std::vector<std::pair<std::string, planner>> steps;
    std::int64_t partitions = 0;
    for (new_topic& one : wanted) {
        const bool assigned = !one.assignment.empty();
        if (one.partitions == -1 && !assigned)
            one.partitions = options_.default_partitions ? options_.default_partitions() : 1;
        partitions +=
            assigned ? static_cast<std::int64_t>(one.assignment.size()) : std::max(one.partitions, 0);
        std::string name = one.name;
        if (partitions > options_.partitions_per_request_max) {
            steps.emplace_back(std::move(name), [] {
                return plan::refuse(make_error_code(broker_errc::policy_violation),
                                    "Excessively large number of partitions per request.");
            });
            continue;
        }
        steps.emplace_back(std::move(name), [this, one = std::move(one), validate_only, now] {
            return plan_create(one, validate_only, now);
        });
    }
    start(std::move(all), std::move(steps));
}

void topic_admin::remove(std::vector<topic_reference> which, topics_done done) {
    auto all = std::make_shared<batch>();
    all->done = std::move(done);
    std::vector<std::pair<std::string, planner>> steps;
    for (topic_reference& one : which) {
        std::string name = one.name;
        if (name.empty()) {
            // An unknown id has no name to wait for: any name that no topic can have will do.
            const topic_ptr present = topics_.find(one.id);
            name = present ? present->name : "/" + one.id.to_base64();
        }
        steps.emplace_back(std::move(name), [this, one = std::move(one)] { return plan_remove(one); });
    }
    auto finished = std::move(all->done);
    all->done = [finished = std::move(finished)](std::vector<topic_outcome> outcomes) {
        for (topic_outcome& outcome : outcomes) {
            if (outcome.name.starts_with('/')) outcome.name.clear();
        }
        finished(std::move(outcomes));
    };
    start(std::move(all), std::move(steps));
}

void topic_admin::add_partitions(std::vector<more_partitions> wanted, bool validate_only, topics_done done) {
    auto all = std::make_shared<batch>();
    all->done = std::move(done);
    std::vector<std::pair<std::string, planner>> steps;
    for (more_partitions& one : wanted) {
        std::string name = one.name;
        steps.emplace_back(std::move(name), [this, one = std::move(one), validate_only] {
            return plan_more(one, validate_only);
        });
    }
    start(std::move(all), std::move(steps));
}

void topic_admin::replace_configs(std::vector<config_replacement> wanted, bool validate_only,
                                  topics_done done) {
    auto all = std::make_shared<batch>();
    all->done = std::move(done);
    std::vector<std::pair<std::string, planner>> steps;
    for (config_replacement& one : wanted) {
        std::string name = one.name;
        steps.emplace_back(std::move(name), [this, one = std::move(one), validate_only] {
            return plan_replace(one, validate_only);
        });
    }
    start(std::move(all), std::move(steps));
}

void topic_admin::change_configs(std::vector<config_steps> wanted, bool validate_only, topics_done done) {
    auto all = std::make_shared<batch>();
    all->done = std::move(done);
    std::vector<std::pair<std::string, planner>> steps;
    for (config_steps& one : wanted) {
        std::string name = one.name;
        steps.emplace_back(std::move(name), [this, one = std::move(one), validate_only] {
            return plan_change(one, validate_only);
        });
    }
    start(std::move(all), std::move(steps));
}

}  // namespace imago::broker
