// What the forms of `imago consume` share.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/format.h"
#include "client/cli/session.h"
#include "client/cli/terminal.h"
#include "imago/async.h"

namespace imago::client::cli {

struct consume_settings {
    connection_settings connection;
    std::string topic;
    std::string start = "end";
    std::vector<std::int32_t> partitions;
    std::uint64_t count = 0;
    std::string format;
    std::string key_delimiter;
    std::string delimiter = "\\n";
    bool exit_at_end = false;
    bool json = false;
    bool committed = false;
    std::string group;             ///< -g: as a member of this group
    std::string protocol = "classic";
    std::string instance;
    bool broadcast = false;        ///< all partitions, with a position of our own
    std::string position_file;
};

/// Prints records as the settings say, up to --count.
class record_printer {
public:
    explicit record_printer(const consume_settings& settings);

    /// Prints one; false: that was the last one wanted, or nobody reads any more.
    [[nodiscard]] bool print(std::string_view topic, std::int32_t partition, const record& what);
    /// What was printed leaves the program.
    void flush() { out_.write(); }
    [[nodiscard]] bool closed() const { return out_.closed(); }

private:
    const consume_settings& settings_;
    std::optional<record_format> format_;
    output out_;
    std::uint64_t printed_ = 0;
};

/// Offsets of many partitions by place; the first error of any of them is the error.
[[nodiscard]] asio::awaitable<result<std::map<topic_partition, std::int64_t>>> offsets_of(
    admin& server, std::vector<topic_partition> where, std::int64_t spec);

/// "cannot consume 'TOPIC' at SERVERS: ..."; 1.
int cannot_consume(const consume_settings& settings, std::error_code error);

/// As a member of a group: what was printed is committed, and nothing else.
asio::awaitable<int> consume_in_group(asio::io_context& io, const consume_settings& settings);
/// All partitions, from the position in a file on.
asio::awaitable<int> consume_broadcast(asio::io_context& io, const consume_settings& settings);

}  // namespace imago::client::cli
