// A consumer as the clients do it, of either protocol, for simulations: it loses answers, is paused, comes
// back, and takes and gives up partitions only when it was told to.
#pragma once

#include "consumer_fixture.h"

#include <random>

namespace imago::test::consumer_model {

struct model_member {
    enum class protocol { consumer, eager, cooperative };

    std::string name;
    protocol speaks = protocol::consumer;
    std::string instance;
    std::vector<std::string> topics;
    std::string regex;

    std::string id;
    std::int32_t epoch = 0;                     ///< or generation; 0, or -1, before it has one
    groups::partition_set owned;                ///< consumes from these
    std::optional<groups::partition_set> told;  ///< to be carried out at `obeys`
    unix_ms obeys = 0;
    bool report = false;  ///< what it owns changed since it last said so
    bool whole = true;    ///< says everything again, after any doubt
    bool terse = false;   ///< but not when the server died with the answer, as some clients do
    bool server_died = false;

    // classic
    groups::partition_set mistaken;  ///< of what it owns, or was told: by the name of a topic that is another one now
    bool rejoin = true;
    std::optional<groups::sync_request> sync;  ///< to be sent next

    groups::token waiting = 0;
    unix_ms gives_up = 0;  ///< waiting
    unix_ms acts = 0;      ///< next
    unix_ms paused = 0;    ///< until then
    bool gone = false;
    std::size_t fenced = 0;

    [[nodiscard]] bool classic() const { return speaks != protocol::consumer; }
    void lose_everything() {
        owned.clear();
        told.reset();
        sync.reset();
        epoch = classic() ? -1 : 0;
        rejoin = whole = true;
    }
};

}  // namespace imago::test::consumer_model
