// What the `imago topic` commands share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/cli/admin_command.h"

namespace imago::client::cli {

struct topic_settings {
    connection_settings connection;
    output_choice output;
    std::vector<std::string> names;
    std::int32_t partitions = -1;
    std::int16_t replicas = -1;
    std::vector<std::string> configs;
    std::vector<std::string> unset;
    std::vector<std::string> trim;
    double rates = 0;               ///< describe: measured over so many seconds; 0 = not
    bool each_partition = false;    ///< describe: also if there are very many
    bool all = false;
    bool dry_run = false;
    bool tolerant = false;  ///< --if-exists, --if-not-exists
    bool yes = false;
};

asio::awaitable<int> describe_topics(admin& server, const topic_settings& settings);

}  // namespace imago::client::cli
