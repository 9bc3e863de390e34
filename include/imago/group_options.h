// Options of the group consumer and of the broadcast consumer.
#pragma once

#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include "imago/options.h"
#include "imago/start.h"

namespace imago::client {

/// Who assigns partitions to members.
enum class group_protocol : std::uint8_t {
    classic,   ///< one of the members, by an assignor that all of them know
    consumer,  ///< the server (KIP-848); it also understands regular expressions
};

struct group_options {
    std::string group;        ///< its name; not empty
    group_protocol protocol = group_protocol::classic;
    std::string instance_id;  ///< a static member: it may go and come back within session_timeout without a rebalance
    std::string rack;

    /// Classic only. Names as other clients have them: "cooperative-sticky", "range", "roundrobin", in the order of
    /// preference. Rebalances are cooperative if all of these are; then partitions that stay are never stopped.
    std::vector<std::string> assignors = {"cooperative-sticky"};
    milliseconds session_timeout{45'000};    ///< classic: the server waits so long for a heartbeat
    milliseconds heartbeat_interval{3'000};  ///< classic; with the consumer protocol the server names it
    /// Consumer protocol only: "uniform", "range"; empty = the server's choice.
    std::string server_assignor;

    /// A member that does not call pull() for so long leaves the group until it does.
    milliseconds max_poll_interval{300'000};
    bool auto_commit = true;                     ///< what earlier pulls gave, now and then, at revocation and at close
    milliseconds auto_commit_interval{5'000};
    start_from start = start_from::end();        ///< of partitions in which nothing is committed
    /// Outcome of each commit that nobody awaits, on the client's thread; must not block.
    std::function<void(std::error_code)> on_commit;
    consumer_options fetch;
};

struct broadcast_options {
    std::vector<std::string> topics;
    std::string position_file;             ///< made if it is not there; one consumer at a time uses it
    start_from start = start_from::end();  ///< of topics of which the file knows nothing
    milliseconds save_interval{1'000};     ///< positions are written at most so often, by pull()
    milliseconds discovery_interval{30'000};  ///< new partitions are looked for so often; they are read from their beginning
    consumer_options fetch;
};

}  // namespace imago::client
