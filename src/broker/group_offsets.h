// Committed offsets: how far a group of consumers has come in each queue of each topic.
//
// A store table: group, topic id and partition lead to the offset, the leader epoch, the consumer's own text
// and the time. Offsets belong to the topic's id: a topic created again under its name starts without any.
//
// Offsets are forgotten when nobody commits them any more for as long as `retention_ms`, or at the moment
// that the commit itself named; but not while members of the group consume the topic, and the time counts from when
// the last member left. The owner of the groups says so with set_hold(); that is not durable, it says it again after
// a start. Nothing sweeps: an expired offset is not shown, and each commit takes some expired ones of the whole table
// out with it, oldest first, so that the work grows with the commits.
//
// Threads: any; changes come through apply(). Records:
//   'o' + group + topic id + partition    a committed offset
//   'e' + the same + commit time          always a removal: the offset, if it still is the one of that
//   commit. (Who
//                                         finds an offset expired must not remove a newer one that is on its
//                                         way.)
//   'x' + topic id                        always a removal: every offset in the topic
#pragma once

#include "base/ids.h"
#include "broker/changes.h"
#include "store/table.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace imago::broker {

struct committed_offset {
    queue_offset offset;
    std::int32_t leader_epoch = -1;
    std::string metadata;
    unix_ms committed = 0;
    unix_ms expires = -1;  ///< -1 = after the table's retention
};

/// What keeps the offsets of a group from expiring.
struct expiry_hold {
    bool every_topic = false;
    std::set<uuid> topics;  ///< if not every_topic
    unix_ms since = -1;     ///< for the rest, time counts from here if that is later than the commit
    bool operator==(const expiry_hold&) const = default;
};

class group_offsets final : public store::table {
public:
    struct position {
        uuid topic;
        std::int32_t partition = 0;
        auto operator<=>(const position&) const = default;
    };

    explicit group_offsets(std::int64_t retention_ms = 604'800'000) : retention_ms_(retention_ms) {}

    [[nodiscard]] std::optional<committed_offset> find(std::string_view group, const position& where,
                                                       unix_ms now) const;
    /// Everything a group has committed, in the order of topic ids and partitions.
    [[nodiscard]] std::vector<std::pair<position, committed_offset>> all_of(std::string_view group,
                                                                            unix_ms now) const;
    /// The same without the offsets, expired ones included.
    [[nodiscard]] std::vector<position> positions_of(std::string_view group) const;
    /// Names of groups that have offsets (expired ones may count until they are taken out), sorted.
    [[nodiscard]] std::vector<std::string> groups() const;
    [[nodiscard]] bool has(std::string_view group) const;
    /// Offsets that are kept, expired ones included.
    [[nodiscard]] std::size_t count() const;
    /// Removals of up to `most` expired offsets, oldest first; looks at no other, except once at those that are kept
    /// for longer than their commit alone would have them.
    void take_out_expired(unix_ms now, std::size_t most, change_list& changes);
    /// Replaces what was said before of this group; work grows with its offsets only when a hold ends.
    void set_hold(std::string_view group, expiry_hold hold);
    /// Called with the name of a group whose last offset was taken out, with no lock held, on the log thread. Set
    /// once the store is open; must only hand over.
    std::function<void(const std::string& group)> on_group_gone;
    [[nodiscard]] std::size_t unreadable() const;

    void apply(byte_view key, byte_view value, bool removed) override;
    void dump(const std::function<void(byte_view key, byte_view value)>& out) const override;

    [[nodiscard]] static store::table_change record(std::string_view group, const position& where,
                                                    const committed_offset& offset);
    [[nodiscard]] static store::table_change removal(std::string_view group, const position& where);
    [[nodiscard]] static store::table_change expiry(std::string_view group, const position& where,
                                                    unix_ms committed);
    [[nodiscard]] static store::table_change topic_removal(const uuid& topic);

private:
    struct text_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>{}(text);
        }
    };
    struct stored {
        committed_offset offset;
        unix_ms deadline = never;  ///< where it stands in deadlines_; never = it does not
    };
    using positions = std::map<position, stored>;
    using group_map = std::unordered_map<std::string, positions, text_hash, std::equal_to<>>;
    using hold_map = std::unordered_map<std::string, expiry_hold, text_hash, std::equal_to<>>;
    /// Time, then what it is the time of. The group's name is the key of groups_, which never moves.
    using deadline = std::tuple<unix_ms, const std::string*, position>;
    static constexpr unix_ms never = INT64_MAX;

    [[nodiscard]] const expiry_hold* hold_of(std::string_view group) const;
    /// When the offset expires; never while it is held.
    [[nodiscard]] unix_ms expiry_of(const expiry_hold* hold, const position& where,
                                    const committed_offset& offset) const;
    void put(std::string_view group, const position& where, committed_offset offset);
    /// True if it was the group's last one.
    bool erase(group_map::iterator group, const position& where);
    void erase_topic(const uuid& topic, std::vector<std::string>& gone);

    const std::int64_t retention_ms_;
    mutable std::shared_mutex mutex_;
    group_map groups_;
    std::unordered_map<uuid, std::set<const std::string*>> by_topic_;
    hold_map holds_;
    /// No offset that is in no hold expires before its place here; those that are held may be missing.
    std::set<deadline> deadlines_;
    std::size_t count_ = 0;
    std::map<std::string, std::string> unreadable_;
};

}  // namespace imago::broker
