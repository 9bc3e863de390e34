// InitProducerId for idempotent producers. Transactions are not there yet.
#include "wire/kafka/init_producer_id.h"

#include "broker/broker.h"
#include "server/kafka/error_map.h"
#include "server/kafka/handlers.h"

namespace imago::kafka {

namespace {
class init_producer_id final
    : public handler<wire::init_producer_id_request, wire::init_producer_id_response> {
public:
    using handler::handler;

protected:
    void run() override {
        reply().producer_epoch = -1;
        // Not an error that would be tried again.
        if (asked().transactional_id) return fail(kafka_error::invalid_request);
        // Without transactions a producer that comes back gets a new id, as from Kafka.
        with().broker.ids.next([this](result<std::int64_t> id) {
            given_ = std::move(id);
            come_back();
        });
    }
    void returned() override {
        if (!given_) return fail(to_kafka(given_.error(), with().options.log));
        reply().producer_id = *given_;
        reply().producer_epoch = 0;
        respond_now();
    }

private:
    void fail(kafka_error error) {
        reply().error_code = code_of(error);
        respond_now();
    }
    result<std::int64_t> given_ = 0;
};
}  // namespace

IMAGO_MAKE_HANDLER(init_producer_id, init_producer_id)

}  // namespace imago::kafka
