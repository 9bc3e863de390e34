// FindCoordinator: there is one server, so it coordinates everything.
#include "wire/kafka/find_coordinator.h"

#include "server/kafka/handlers.h"

namespace imago::kafka {

namespace {
constexpr std::string_view refusal =
    "only groups are coordinated; transactions and share groups are not supported";

class find_coordinator final
    : public handler<wire::find_coordinator_request, wire::find_coordinator_response> {
public:
    using handler::handler;

protected:
    void run() override {
        const kafka_options& options = with().options;
        const kafka_error error = check(asked().key_type);
        if (version() < 4) {
            reply().error_code = code_of(error);
            if (error == kafka_error::none) {
                reply().node_id = options.node_id;
                reply().host = options.host;
                reply().port = options.port;
            } else {
                reply().error_message = refusal;
                reply().node_id = -1;
                reply().port = -1;
            }
            return respond_now();
        }
        for (const std::string_view key : asked().coordinator_keys) {
            auto& found = reply().coordinators.emplace_back();
            found.key = key;
            found.error_code = code_of(error);
            if (error == kafka_error::none) {
                found.node_id = options.node_id;
                found.host = options.host;
                found.port = options.port;
            } else {
                found.error_message = refusal;
                found.node_id = -1;
                found.port = -1;
            }
        }
        respond_now();
    }

private:
    static kafka_error check(std::int8_t type) {
        // 0 groups, 1 transactions, 2 share groups. For those that are not there an error that clients do not
        // retry: "not available" would keep them waiting for ever.
        return type == 0 ? kafka_error::none : kafka_error::invalid_request;
    }
};
}  // namespace

IMAGO_MAKE_HANDLER(find_coordinator, find_coordinator)

}  // namespace imago::kafka
