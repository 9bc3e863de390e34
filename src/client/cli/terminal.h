// What goes to the user: tables, colours where there is a terminal, errors that say what to do next.
#pragma once

#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace imago::client::cli {

/// Colours and bars are for terminals only, and not when NO_COLOR is set.
[[nodiscard]] bool is_terminal(int descriptor);
[[nodiscard]] bool use_colour(int descriptor);

/// Prints "imago: WHAT: REASON" to standard error, then what to do about it on a line of its own. Returns 1, the exit
/// code of failed commands.
int complain(std::string_view what, std::error_code error, std::string_view detail = {});
int complain(std::string_view what, std::string_view advice);

/// What the user may do about an error; empty if nothing comes to mind.
[[nodiscard]] std::string advice_for(std::error_code error);

/// Columns as wide as their widest cell. Cells that look like numbers are set to the right.
class table {
public:
    explicit table(std::vector<std::string> titles) : titles_(std::move(titles)) {}
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    void print() const;

private:
    std::vector<std::string> titles_;
    std::vector<std::vector<std::string>> rows_;
};

/// 1234567 as 1,234,567.
[[nodiscard]] std::string with_commas(std::uint64_t value);
/// Bytes as "12.3 MB".
[[nodiscard]] std::string byte_text(double bytes);

/// Standard output with one large buffer. Ends the program quietly when the reader is gone (EPIPE).
class output {
public:
    [[nodiscard]] std::string& buffer() { return buffer_; }
    /// Writes if the buffer is large enough to be worth it.
    void maybe_write() {
        if (buffer_.size() >= 64 * 1024) write();
    }
    void write();
    /// The reader closed the pipe: nothing more is wanted.
    [[nodiscard]] bool closed() const { return closed_; }

private:
    std::string buffer_;
    bool closed_ = false;
};

}  // namespace imago::client::cli
