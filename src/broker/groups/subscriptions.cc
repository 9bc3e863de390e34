#include "broker/groups/subscriptions.h"

#include "base/checksum.h"

#include <algorithm>

namespace imago::broker::groups {

bool subscription::has(std::string_view topic) const {
    return std::binary_search(names.begin(), names.end(), topic, std::less<>{}) || matched.contains(topic);
}

subscription* subscriptions::acquire(std::vector<std::string> names, std::string regex,
                                     std::shared_ptr<const topic_pattern> pattern) {
    std::pair key(std::move(names), std::move(regex));
    auto found = all_.find(key);
    if (found == all_.end()) {
        auto made = std::make_unique<subscription>();
        made->names = key.first;
        made->regex = key.second;
        made->pattern = std::move(pattern);
        for (const auto& name : made->names) use(name);
        if (made->pattern) {
            ++patterns_;
            directory_.each([&](const topic_fact& topic) {
                if (!made->has(topic.name) && made->pattern->matches(topic.name))
                    made->matched.insert(topic.name);
            });
            for (const auto& name : made->matched) use(name);
        }
        ++version_;
        found = all_.emplace(std::move(key), std::move(made)).first;
    }
    ++found->second->users;
    return found->second.get();
}

void subscriptions::release(subscription* which) {
    if (which == nullptr || --which->users > 0) return;
    for (const auto& name : which->names) unuse(name);
    for (const auto& name : which->matched) unuse(name);
    if (which->pattern) --patterns_;
    ++version_;
    all_.erase({which->names, which->regex});
}

void subscriptions::refresh(const std::string& topic) {
    if (patterns_ > 0) {
        const bool exists = directory_.by_name(topic).has_value();
        for (const auto& [key, entry] : all_) {
            if (!entry->pattern) continue;
            const bool known = entry->matched.contains(topic);
            const bool wanted = exists && (known || (!entry->has(topic) && entry->pattern->matches(topic)));
            if (wanted == known) continue;
            if (wanted) {
                entry->matched.insert(topic);
                use(topic);
            } else {
                entry->matched.erase(topic);
                unuse(topic);
            }
        }
    }
    if (const auto found = topics_.find(topic); found != topics_.end()) look_up(topic, found->second);
}

void subscriptions::use(const std::string& topic) {
    topic_entry& entry = topics_[topic];
    if (entry.users++ == 0) look_up(topic, entry);
}

void subscriptions::unuse(std::string_view topic) {
    const auto found = topics_.find(topic);
    if (--found->second.users > 0) return;
    fingerprint_ -= print_of(found->second.fact);
    topics_.erase(found);
}

void subscriptions::look_up(const std::string& name, topic_entry& entry) {
    fingerprint_ -= print_of(entry.fact);
    entry.fact = directory_.by_name(name);
    fingerprint_ += print_of(entry.fact);
}

std::uint64_t subscriptions::print_of(const std::optional<topic_fact>& fact) {
    if (!fact) return 0;
    // A sum of these is the same in any order.
    const auto id =
        xxh3(std::as_bytes(std::span(fact->id.bytes)), static_cast<std::uint64_t>(fact->partitions));
    return xxh3(as_bytes(fact->name), id);
}

group_interests subscriptions::interests() const { return {names(), patterns_ > 0}; }

std::vector<std::string> subscriptions::names() const {
    std::vector<std::string> list;
    list.reserve(topics_.size());
    for (const auto& [name, entry] : topics_) list.push_back(name);
    return list;
}

subscriptions::resolved subscriptions::resolve() const {
    resolved result;
    std::vector<const topic_fact*> facts;
    for (const auto& [name, entry] : topics_) {
        if (entry.fact) facts.push_back(&*entry.fact);
    }
    std::sort(facts.begin(), facts.end(), [](const auto* a, const auto* b) { return a->id < b->id; });
    std::unordered_map<std::string_view, std::uint32_t> place;
    for (const auto* fact : facts) {
        place.emplace(fact->name, static_cast<std::uint32_t>(result.topics.size()));
        result.topics.push_back({fact->id, fact->partitions});
    }
    for (const auto& [key, entry] : all_) {
        auto& own = result.of[entry.get()];
        const auto add = [&](const std::string& name) {
            if (const auto found = place.find(name); found != place.end()) own.push_back(found->second);
        };
        for (const auto& name : entry->names) add(name);
        for (const auto& name : entry->matched) add(name);
        std::sort(own.begin(), own.end());
    }
    return result;
}

}  // namespace imago::broker::groups
