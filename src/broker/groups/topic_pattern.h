// A regular expression over topic names, in RE2's syntax as Kafka has it (RE2/J): no backreferences, linear
// time.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace imago::broker::groups {

/// Immutable; any thread.
class topic_pattern {
public:
    /// Null and `problem` filled in when `text` is no expression, or one that takes too much memory.
    [[nodiscard]] static std::shared_ptr<const topic_pattern> make(const std::string& text,
                                                                   std::string& problem);
    ~topic_pattern();
    /// The whole name matches.
    [[nodiscard]] bool matches(std::string_view name) const;

private:
    topic_pattern() = default;
    std::unique_ptr<re2::RE2> expression_;
};

}  // namespace imago::broker::groups
