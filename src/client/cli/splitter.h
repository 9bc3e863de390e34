// Cuts a stream that arrives in blocks into messages at a delimiter, without copying those within one block.
#pragma once

#include <string>
#include <string_view>

namespace imago::client::cli {

/// feed() a block, then next() until it gives nothing; at the end of the stream, finish() gives what followed the
/// last delimiter. The views are good until the next call; a block must stay until next() gave nothing.
class splitter {
public:
    /// `delimiter` is not empty.
    explicit splitter(std::string delimiter) : delimiter_(std::move(delimiter)) {}

    void feed(std::string_view block) { block_ = block; }
    [[nodiscard]] bool next(std::string_view& message);
    /// True if there is a last message that no delimiter ended.
    [[nodiscard]] bool finish(std::string_view& message);

private:
    [[nodiscard]] std::size_t find(std::string_view in, std::size_t from) const;

    std::string delimiter_;
    std::string_view block_;
    std::string carry_;         // the start of a message whose end has not come yet
    bool carry_given_ = false;  // carry_ was given out as a message: forget it at the next call
};

}  // namespace imago::client::cli
