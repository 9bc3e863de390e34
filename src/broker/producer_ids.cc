#include "broker/producer_ids.h"

#include "broker/record.h"

#include <algorithm>
#include <utility>

namespace imago::broker {
namespace {

constexpr std::uint8_t producer_record_version = 1;
constexpr std::string_view record_key = "next";

}  // namespace

std::int64_t producer_id_table::reserved_below() const {
    std::lock_guard lock(mutex_);
    return reserved_below_;
}

std::size_t producer_id_table::unreadable() const {
    std::lock_guard lock(mutex_);
    return unreadable_key_.empty() ? 0 : 1;
}

void producer_id_table::apply(byte_view key, byte_view value, bool removed) {
    record_reader in(value);
    const bool version = in.get<std::uint8_t>() == producer_record_version;
    const auto limit = in.get<std::int64_t>();
    std::lock_guard lock(mutex_);
    if (as_text(key) == record_key && !removed && version && in.done() && limit >= 0) {
        reserved_below_ = std::max(reserved_below_, limit);
        unreadable_key_.clear();
    } else if (!removed) {
        unreadable_key_ = as_text(key);
        unreadable_ = as_text(value);
    }
}

void producer_id_table::dump(const std::function<void(byte_view key, byte_view value)>& out) const {
    std::string key;
    std::string value;
    std::int64_t limit = 0;
    {
        std::lock_guard lock(mutex_);
        key = unreadable_key_;
        value = unreadable_;
        limit = reserved_below_;
    }
    if (limit > 0) {
        const store::table_change change = record(limit);
        out(as_bytes(change.key), as_bytes(change.value));
    }
    if (!key.empty()) out(as_bytes(key), as_bytes(value));
}

store::table_change producer_id_table::record(std::int64_t reserved_below) {
    record_writer out(producer_record_version);
    out.put<std::int64_t>(reserved_below);
    return {store::table_id::producer_ids, std::string(record_key), out.take(), false};
}

producer_ids::producer_ids(store::store& store, const producer_id_table& table, std::int64_t block)
    : store_(store), block_(block), next_(table.reserved_below()), limit_(next_) {}

void producer_ids::next(done_function done) {
    std::int64_t id = -1;
    bool start = false;
    {
        std::lock_guard lock(mutex_);
        if (waiting_.empty() && next_ < limit_) {
            id = next_++;
        } else {
            waiting_.push_back(std::move(done));
            if (reserving_ == 0) {
                reserving_ = limit_ + block_;
                start = true;
            }
        }
    }
    if (id >= 0) return done(id);
    if (start) reserve();
}

void producer_ids::reserve() {
    std::int64_t limit = 0;
    {
        std::lock_guard lock(mutex_);
        limit = reserving_;
    }
    submit(store_, {producer_id_table::record(limit)}, [this, limit](std::error_code error) {
        std::vector<std::pair<done_function, std::int64_t>> served;
        std::vector<done_function> refused;
        bool more = false;
        {
            std::lock_guard lock(mutex_);
            if (error) {
                refused = std::move(waiting_);
                waiting_.clear();
            } else {
                limit_ = limit;
                std::size_t taken = 0;
                while (taken < waiting_.size() && next_ < limit_)
                    served.emplace_back(std::move(waiting_[taken++]), next_++);
                waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(taken));
            }
            more = !waiting_.empty();
            reserving_ = more ? limit_ + block_ : 0;
        }
        for (auto& [done, id] : served) done(id);
        for (auto& done : refused) done(fail(error));
        if (more) reserve();
    });
}

}  // namespace imago::broker
