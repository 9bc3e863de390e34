// What a server owes to those whose commits it acknowledged, for simulations of groups.
//
// A network may bring a member's commits in another order than it sent them: a request that it has given up on (it was
// told to join again meanwhile, and had its generation back) comes behind later ones of the same member. No server can
// tell the two apart, so the order that counts is that in which commits come to the server. By that order:
//
//   kept      what is stored is the commit that came last of those that were acknowledged, no other
//   forward   an offset goes back only by a commit of the member, in the generation, that it had been brought forward by
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace imago::test {

class commit_ledger {
public:
    struct author {
        std::string member_id;
        std::int32_t generation = -1;
        bool operator==(const author&) const = default;
    };
    struct entry {
        std::uint64_t place = 0;
        std::int64_t offset = 0;
        author by;
    };

    /// A commit has come to the server: its place among all that come.
    [[nodiscard]] std::uint64_t came() { return ++came_; }

    /// That commit was acknowledged. Says what is wrong with that; empty: nothing.
    [[nodiscard]] std::string acknowledged(std::uint64_t place, std::int32_t queue, std::int64_t offset,
                                           const author& by) {
        entry& last = last_[queue];
        if (place < last.place) return {};  // told late: a later one stands
        std::string problem;
        if (offset < last.offset && by != last.by) {
            problem = "queue " + std::to_string(queue) + " went back from " + text_of(last) + " to " +
                      text_of({place, offset, by});
        }
        last = {place, offset, by};
        return problem;
    }

    /// Says what is wrong with what is stored of a queue, 0 = nothing is; empty: it is what it must be.
    [[nodiscard]] std::string problem_with(std::int32_t queue, std::int64_t stored) const {
        const auto found = last_.find(queue);
        const std::int64_t owed = found == last_.end() ? 0 : found->second.offset;
        if (stored == owed) return {};
        return "queue " + std::to_string(queue) + ": stored " + std::to_string(stored) + ", acknowledged " +
               (found == last_.end() ? "nothing" : text_of(found->second));
    }

private:
    [[nodiscard]] static std::string text_of(const entry& one) {
        return std::to_string(one.offset) + " of " + one.by.member_id + " in generation " +
               std::to_string(one.by.generation);
    }

    std::uint64_t came_ = 0;
    std::map<std::int32_t, entry> last_;  ///< by queue: of the acknowledged, the one that came last
};

}  // namespace imago::test
