// What the `imago group` commands share.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/admin_command.h"
#include "client/cli/partition_list.h"

namespace imago::client::cli {

struct group_settings {
    connection_settings connection;
    output_choice output;
    std::vector<std::string> groups;
    std::vector<std::string> topics;  ///< TOPIC[:PARTITIONS]
    std::vector<std::string> states;  ///< list
    std::vector<std::string> types;
    bool all = false;                 ///< describe: all groups; reset, delete-offsets: all topics of the group
    bool only_members = false;        ///< describe
    bool only_offsets = false;
    bool summary = false;
    std::optional<std::int64_t> to_offset;  ///< reset: one of these
    std::string to_time;
    bool to_beginning = false;
    bool to_end = false;
    std::optional<std::int64_t> shift_by;
    bool tolerant = false;  ///< delete: --if-exists
    bool dry_run = false;
    bool yes = false;
};

/// The begin and end offset of a partition; -1 = could not be learned, and why.
struct partition_ends {
    std::int64_t begin = -1;
    std::int64_t end = -1;
    std::error_code error;
};

/// Asks for the ends of many partitions; `with_begin` asks for the begins too.
[[nodiscard]] asio::awaitable<result<std::map<topic_partition, partition_ends>>> ends_of(
    admin& server, std::vector<topic_partition> where, bool with_begin);

/// The partitions that --topic names, or with `all` those that the group has committed. Complains and gives none if
/// a topic or partition is not there, or if there is nothing. `checked`: the topics have to be there.
[[nodiscard]] asio::awaitable<std::optional<std::vector<topic_partition>>> chosen_partitions(
    admin& server, const group_settings& settings, const group_offsets& committed, bool checked);

asio::awaitable<int> list_groups(admin& server, const group_settings& settings);
asio::awaitable<int> describe_groups(admin& server, const group_settings& settings);
asio::awaitable<int> reset_group(admin& server, const group_settings& settings);
asio::awaitable<int> delete_groups(admin& server, const group_settings& settings);
asio::awaitable<int> delete_group_offsets(admin& server, const group_settings& settings);

}  // namespace imago::client::cli
