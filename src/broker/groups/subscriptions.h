// What the members of a consumer group subscribe to, and what those topics are now.
//
// Members that subscribe to the same share one entry, so that a thousand topics of two hundred members are
// kept once. A change of a topic costs one look-up, and one match for each regular expression in use.
#pragma once

#include "broker/groups/assignors.h"
#include "broker/groups/context.h"
#include "broker/groups/machine.h"
#include "broker/groups/topic_pattern.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace imago::broker::groups {

struct subscription {
    std::vector<std::string> names;  ///< sorted, each once
    std::string regex;               ///< empty: none
    std::shared_ptr<const topic_pattern> pattern;
    std::set<std::string, std::less<>> matched;  ///< topics that the expression finds now and `names` has not
    std::size_t users = 0;

    [[nodiscard]] bool has(std::string_view topic) const;
};

class subscriptions {
public:
    /// `topics` must outlive this.
    explicit subscriptions(const topic_directory& topics) : directory_(topics) {}

    /// The entry for this, with one user more. `pattern` belongs to `regex`; stays where it is until nobody
    /// uses it.
    subscription* acquire(std::vector<std::string> names, std::string regex,
                          std::shared_ptr<const topic_pattern> pattern);
    void release(subscription* which);

    /// The topic came, went or grew.
    void refresh(const std::string& topic);
    /// Two states of the subscribed topics (names, ids, partitions) are equal if this is.
    [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }
    /// Changes when interests() may have.
    [[nodiscard]] std::uint64_t version() const { return version_; }
    [[nodiscard]] group_interests interests() const;
    [[nodiscard]] bool has(std::string_view topic) const { return topics_.contains(topic); }
    /// Every subscribed name, in no order.
    [[nodiscard]] std::vector<std::string> names() const;

    /// The subscribed topics that exist, sorted by id, and for each entry which of them are its own.
    struct resolved {
        std::vector<assignor_topic> topics;
        std::map<const subscription*, std::vector<std::uint32_t>> of;
    };
    [[nodiscard]] resolved resolve() const;

private:
    struct text_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>{}(text);
        }
    };
    struct topic_entry {
        std::size_t users = 0;  ///< subscriptions with this topic
        std::optional<topic_fact> fact;
    };
    void use(const std::string& topic);
    void unuse(std::string_view topic);
    void look_up(const std::string& name, topic_entry& entry);
    [[nodiscard]] static std::uint64_t print_of(const std::optional<topic_fact>& fact);

    const topic_directory& directory_;
    std::map<std::pair<std::vector<std::string>, std::string>, std::unique_ptr<subscription>> all_;
    std::unordered_map<std::string, topic_entry, text_hash, std::equal_to<>> topics_;
    std::size_t patterns_ = 0;
    std::uint64_t fingerprint_ = 0;
    std::uint64_t version_ = 0;
};

}  // namespace imago::broker::groups
