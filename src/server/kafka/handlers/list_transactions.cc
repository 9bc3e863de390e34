// ListTransactions: there are none yet.
#include "wire/kafka/list_transactions.h"

#include "server/kafka/handlers.h"

#include <algorithm>
#include <iterator>

namespace imago::kafka {

namespace {
class list_transactions final
    : public handler<wire::list_transactions_request, wire::list_transactions_response> {
public:
    using handler::handler;

protected:
    void run() override {
        constexpr std::string_view states[] = {"Empty",        "Ongoing",          "PrepareCommit",
                                               "PrepareAbort", "CompleteCommit",   "CompleteAbort",
                                               "Dead",         "PrepareEpochFence"};
        for (const std::string_view filter : asked().state_filters) {
            if (std::find(std::begin(states), std::end(states), filter) == std::end(states)) {
                reply().unknown_state_filters.push_back(filter);
            }
        }
        respond_now();
    }
};
}  // namespace

IMAGO_MAKE_HANDLER(list_transactions, list_transactions)

}  // namespace imago::kafka
