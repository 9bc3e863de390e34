// FindCoordinator: there is one server, so it coordinates everything.
#include "server/kafka/handlers.h"
#include "wire/kafka/find_coordinator.h"

namespace imago::kafka {

namespace {
class find_coordinator final : public handler<wire::find_coordinator_request, wire::find_coordinator_response> {
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
                reply().error_message = error_text(error);
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
                found.error_message = error_text(error);
                found.node_id = -1;
                found.port = -1;
            }
        }
        respond_now();
    }

private:
    kafka_error check(std::int8_t type) const {
        // 0 groups, 1 transactions, 2 share groups
        if (type == 0) return kafka_error::none;
        if (type == 1 || (type == 2 && version() >= 6)) return kafka_error::coordinator_not_available;
        return kafka_error::invalid_request;
    }
};
}  // namespace

IMAGO_MAKE_HANDLER(find_coordinator, find_coordinator)

}  // namespace imago::kafka
