// DescribeCluster: the one server there is.
#include "wire/kafka/describe_cluster.h"

#include "server/kafka/handlers.h"
#include "server/kafka/topic_lookup.h"

namespace imago::kafka {

namespace {
class describe_cluster final
    : public handler<wire::describe_cluster_request, wire::describe_cluster_response> {
public:
    using handler::handler;

protected:
    void run() override {
        const kafka_options& options = with().options;
        reply().cluster_id = options.cluster_id;
        reply().endpoint_type = asked().endpoint_type;
        if (asked().endpoint_type != 1) {
            const kafka_error error = asked().endpoint_type == 2 ? kafka_error::mismatched_endpoint_type
                                                                 : kafka_error::unsupported_endpoint_type;
            reply().error_code = code_of(error);
            reply().error_message = error_text(error);
            return respond_now();
        }
        reply().controller_id = options.node_id;
        reply().brokers = {{options.node_id, options.host, options.port, std::nullopt, false}};
        if (asked().include_cluster_authorized_operations) {
            reply().cluster_authorized_operations = cluster_operations;
        }
        respond_now();
    }
};
}  // namespace

IMAGO_MAKE_HANDLER(describe_cluster, describe_cluster)

}  // namespace imago::kafka
