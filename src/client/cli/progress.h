// A line on the terminal that tells how far a long command is.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace imago::client::cli {

/// Draws on standard error, if that is a terminal, once more than a second has passed; at most ten times a second.
/// finish() wipes it. One thread.
class progress_bar {
public:
    /// `total` bytes are expected; 0 = not known.
    explicit progress_bar(std::uint64_t total);
    /// `total` things are expected, "partitions" for instance; 0 = not known.
    progress_bar(std::uint64_t total, std::string things);
    ~progress_bar() { finish(); }
    progress_bar(const progress_bar&) = delete;
    progress_bar& operator=(const progress_bar&) = delete;

    [[nodiscard]] bool shown_at_all() const { return terminal_; }
    void update(std::uint64_t bytes, std::uint64_t messages);
    /// So many things are done.
    void update(std::uint64_t done);
    void finish();

    /// The line itself, for `seconds` of work, at most `width` columns.
    [[nodiscard]] static std::string line(std::uint64_t bytes, std::uint64_t total, std::uint64_t messages,
                                          double seconds, int width);
    [[nodiscard]] static std::string count_line(std::uint64_t done, std::uint64_t total, const std::string& things,
                                                double seconds, int width);

private:
    template <class Line>
    void draw(Line line);

    std::chrono::steady_clock::time_point started_;
    std::chrono::steady_clock::time_point next_;
    std::uint64_t total_;
    std::string things_;
    bool terminal_;
    bool drawn_ = false;
};

/// For work that tells how far it is in bytes: draws a bar from the first call on and wipes it when all is done.
[[nodiscard]] std::function<void(std::uint64_t done, std::uint64_t total)> show_byte_progress();

}  // namespace imago::client::cli
