#include "broker/groups/topic_pattern.h"

#include <re2/re2.h>

namespace imago::broker::groups {

std::shared_ptr<const topic_pattern> topic_pattern::make(const std::string& text, std::string& problem) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(1 << 20);  // an expression from outside: a megabyte is far more than names need
    auto expression = std::make_unique<re2::RE2>(text, options);
    if (!expression->ok()) {
        problem = expression->error();
        return nullptr;
    }
    std::shared_ptr<topic_pattern> made(new topic_pattern);
    made->expression_ = std::move(expression);
    return made;
}

topic_pattern::~topic_pattern() = default;

bool topic_pattern::matches(std::string_view name) const {
    return re2::RE2::FullMatch(re2::StringPiece(name.data(), name.size()), *expression_);
}

}  // namespace imago::broker::groups
