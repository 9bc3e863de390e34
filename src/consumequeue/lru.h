// A map that forgets what was used longest ago. No lock of its own.
#pragma once

#include <cstddef>
#include <list>
#include <unordered_map>
#include <utility>

namespace imago::consumequeue {

template <class Key, class Value, class Hash = std::hash<Key>>
class lru {
public:
    explicit lru(std::size_t size_max) : size_max_(size_max) {}

    /// Null, or the value, which is the newest now.
    [[nodiscard]] Value* find(const Key& key) {
        const auto found = places_.find(key);
        if (found == places_.end()) return nullptr;
        order_.splice(order_.begin(), order_, found->second);
        return &found->second->second;
    }
    void put(const Key& key, Value value) {
        if (Value* there = find(key)) {
            *there = std::move(value);
            return;
        }
        order_.emplace_front(key, std::move(value));
        places_.emplace(key, order_.begin());
        if (places_.size() <= size_max_) return;
        places_.erase(order_.back().first);
        order_.pop_back();
    }
    void erase(const Key& key) {
        const auto found = places_.find(key);
        if (found == places_.end()) return;
        order_.erase(found->second);
        places_.erase(found);
    }
    [[nodiscard]] std::size_t size() const { return places_.size(); }

private:
    using place = std::pair<Key, Value>;
    std::size_t size_max_;
    std::list<place> order_;  // newest first
    std::unordered_map<Key, typename std::list<place>::iterator, Hash> places_;
};

}  // namespace imago::consumequeue
