#include "broker/offset_commits.h"

#include "broker/errors.h"

#include <algorithm>
#include <atomic>
#include <memory>

namespace imago::broker {
namespace {

/// Each commit may take so many expired offsets with it, however small it is; more than it adds, so that they
/// end.
constexpr std::size_t expired_least = 8;

std::error_code problem_of(const topic_ptr& topic, std::int32_t partition) {
    if (!topic) return make_error_code(broker_errc::unknown_topic);
    if (!topic->queue(partition)) return make_error_code(broker_errc::unknown_partition);
    return {};
}

}  // namespace

struct offset_commits::pending {
    std::vector<std::error_code> outcomes;
    std::atomic<std::size_t> frames{0};
    done_function done;
};

void offset_commits::commit(std::string group, std::vector<offset_commit> commits, std::int64_t retention_ms,
                            unix_ms now, done_function done) {
    std::vector<std::error_code> outcomes(commits.size());
    std::vector<std::pair<std::size_t, store::table_change>> changes;
    for (std::size_t i = 0; i < commits.size(); ++i) {
        offset_commit& one = commits[i];
        outcomes[i] = problem_of(one.topic, one.partition);
        if (!outcomes[i] && one.metadata.size() > metadata_size_max_) {
            outcomes[i] = make_error_code(broker_errc::metadata_too_large);
        }
        if (!outcomes[i] && one.offset.value < 0) outcomes[i] = make_error_code(broker_errc::invalid_offset);
        if (outcomes[i]) continue;
        const committed_offset offset{one.offset, one.leader_epoch, std::move(one.metadata), now,
                                      retention_ms >= 0 ? now + std::min(retention_ms, INT64_MAX - now) : -1};
        changes.emplace_back(i, group_offsets::record(group, {one.topic->id, one.partition}, offset));
    }
    change_list expired;
    if (!changes.empty()) offsets_.take_out_expired(now, changes.size() + expired_least, expired);
    write(std::move(changes), std::move(expired), std::move(outcomes), std::move(done));
}

void offset_commits::remove(std::string group, std::vector<offset_reference> which, done_function done) {
    std::vector<std::error_code> outcomes(which.size());
    std::vector<std::pair<std::size_t, store::table_change>> changes;
    for (std::size_t i = 0; i < which.size(); ++i) {
        outcomes[i] = problem_of(which[i].topic, which[i].partition);
        if (outcomes[i]) continue;
        changes.emplace_back(i, group_offsets::removal(group, {which[i].topic->id, which[i].partition}));
    }
    write(std::move(changes), {}, std::move(outcomes), std::move(done));
}

void offset_commits::remove_group(std::string group, change_done done) {
    std::vector<std::pair<std::size_t, store::table_change>> changes;
    for (const auto& where : offsets_.positions_of(group)) {
        changes.emplace_back(changes.size(), group_offsets::removal(group, where));
    }
    std::vector<std::error_code> outcomes(changes.size());
    write(std::move(changes), {}, std::move(outcomes),
          [done = std::move(done)](std::vector<std::error_code> errors) {
              for (std::error_code error : errors) {
                  if (error) return done(error);
              }
              done({});
          });
}

void offset_commits::write(std::vector<std::pair<std::size_t, store::table_change>> changes,
                           change_list extra, std::vector<std::error_code> outcomes, done_function done) {
    if (changes.empty()) return done(std::move(outcomes));
    struct frame {
        change_list changes;
        std::vector<std::size_t> indexes;
    };
    // Removals of expired offsets go first: a commit of the same offset in the same frame must win.
    std::vector<frame> frames(1);
    std::size_t bytes = 0;
    for (auto& change : extra) {
        bytes += size_of(change);
        frames.back().changes.push_back(std::move(change));
    }
    for (auto& [index, change] : changes) {
        const std::size_t size = size_of(change);
        if (frames.back().changes.size() >= frame_changes_max || bytes + size > frame_bytes_max) {
            frames.emplace_back();
            bytes = 0;
        }
        bytes += size;
        frames.back().changes.push_back(std::move(change));
        frames.back().indexes.push_back(index);
    }
    auto all = std::make_shared<pending>();
    all->outcomes = std::move(outcomes);
    all->frames = frames.size();
    all->done = std::move(done);
    for (frame& one : frames) {
        submit(store_, std::move(one.changes),
               [all, indexes = std::move(one.indexes)](std::error_code error) {
                   for (std::size_t index : indexes) all->outcomes[index] = error;
                   if (--all->frames == 0) all->done(std::move(all->outcomes));
               });
    }
}

}  // namespace imago::broker
