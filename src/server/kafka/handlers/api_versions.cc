// ApiVersions: which requests are answered, in which versions. The answer is made from the list of handlers.
#include "wire/kafka/api_versions.h"

#include "server/kafka/handlers.h"

namespace imago::kafka {

namespace {
class api_versions final : public handler<wire::api_versions_request, wire::api_versions_response> {
public:
    using handler::handler;

protected:
    void read(wire::reader& in) override {
        // Asked in a version that is newer than ours, a client learns from an answer in version 0 which it
        // can ask in.
        const wire::api_info& own = wire::info_of(wire::api_key::api_versions);
        if (version() < own.version_min || version() > own.version_max) {
            reply().error_code = code_of(kafka_error::unsupported_version);
            reply().api_keys = {{static_cast<std::int16_t>(own.key), own.shown_min, own.version_max}};
            return respond_as(0, reply());
        }
        handler::read(in);
    }

    void run() override {
        for (const handler_entry& entry : handlers()) {
            const wire::api_info& info = wire::info_of(entry.key);
            // Old clients look for exact lowest versions, also where those are no longer served (Produce 0).
            const std::int16_t shown =
                entry.version_min == info.version_min ? info.shown_min : entry.version_min;
            reply().api_keys.push_back({static_cast<std::int16_t>(entry.key), shown, entry.version_max});
        }
        // The consumer protocol, as consoles look for it. Clients go by the requests that are listed.
        // Clients of version 3 take a lowest version of 0 for nonsense and give up (KAFKA-17011).
        if (version() >= 4) reply().supported_features = {{"group.version", 0, 1}};
        reply().finalized_features_epoch = 0;
        reply().finalized_features = {{"group.version", 1, 1}};
        respond_now();
    }
};
}  // namespace

IMAGO_MAKE_HANDLER(api_versions, api_versions)

}  // namespace imago::kafka
