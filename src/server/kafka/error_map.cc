#include "server/kafka/error_map.h"

#include "broker/errors.h"
#include "broker/groups/errors.h"
#include "store/errors.h"
#include "wire/error.h"

#include <string>

namespace imago::kafka {

namespace {
const std::error_category& broker_category() {
    return make_error_code(broker::broker_errc::unknown_topic).category();
}
const std::error_category& group_category() {
    return make_error_code(broker::groups::group_errc::unknown_member_id).category();
}
const std::error_category& store_category() { return make_error_code(store::store_errc::failed).category(); }

kafka_error of_store(store::store_errc error) {
    switch (error) {
        case store::store_errc::unknown_queue:
            return kafka_error::unknown_topic_or_partition;  // removed meanwhile
        case store::store_errc::offset_out_of_range:
            return kafka_error::offset_out_of_range;
        case store::store_errc::damaged:
            return kafka_error::corrupt_message;
        // Clients try these again: when there is room, or against the restarted server.
        case store::store_errc::no_space:
        case store::store_errc::failed:
            return kafka_error::kafka_storage_error;
        case store::store_errc::closing:
            return kafka_error::not_leader_or_follower;
        case store::store_errc::out_of_order_sequence:
            return kafka_error::out_of_order_sequence_number;
        case store::store_errc::invalid_producer_epoch:
            return kafka_error::invalid_producer_epoch;
        case store::store_errc::too_large:
            return kafka_error::record_list_too_large;
        case store::store_errc::corrupt_snapshot:
        case store::store_errc::bad_format:
        case store::store_errc::locked:
            break;
    }
    return kafka_error::unknown_server_error;
}

kafka_error of_broker(broker::broker_errc error) {
    switch (error) {
        case broker::broker_errc::unknown_topic:
        case broker::broker_errc::unknown_partition:
            return kafka_error::unknown_topic_or_partition;
        case broker::broker_errc::unknown_topic_id:
            return kafka_error::unknown_topic_id;
        case broker::broker_errc::topic_already_exists:
            return kafka_error::topic_already_exists;
        case broker::broker_errc::invalid_topic_name:
            return kafka_error::invalid_topic_exception;
        case broker::broker_errc::invalid_partitions:
            return kafka_error::invalid_partitions;
        case broker::broker_errc::invalid_replication_factor:
            return kafka_error::invalid_replication_factor;
        case broker::broker_errc::invalid_assignment:
            return kafka_error::invalid_replica_assignment;
        case broker::broker_errc::invalid_config:
            return kafka_error::invalid_config;
        case broker::broker_errc::invalid_request:
            return kafka_error::invalid_request;
        case broker::broker_errc::policy_violation:
            return kafka_error::policy_violation;
        case broker::broker_errc::invalid_group:
            return kafka_error::invalid_group_id;
        case broker::broker_errc::metadata_too_large:
            return kafka_error::offset_metadata_too_large;
        case broker::broker_errc::invalid_offset:
            return kafka_error::offset_out_of_range;
        case broker::broker_errc::corrupt_record:
            break;
    }
    return kafka_error::unknown_server_error;
}

kafka_error of_group(broker::groups::group_errc error) {
    using broker::groups::group_errc;
    switch (error) {
        case group_errc::unknown_member_id:
            return kafka_error::unknown_member_id;
        case group_errc::illegal_generation:
            return kafka_error::illegal_generation;
        case group_errc::rebalance_in_progress:
            return kafka_error::rebalance_in_progress;
        case group_errc::member_id_required:
            return kafka_error::member_id_required;
        case group_errc::fenced_instance_id:
            return kafka_error::fenced_instance_id;
        case group_errc::inconsistent_group_protocol:
            return kafka_error::inconsistent_group_protocol;
        case group_errc::invalid_session_timeout:
            return kafka_error::invalid_session_timeout;
        case group_errc::group_max_size_reached:
            return kafka_error::group_max_size_reached;
        case group_errc::non_empty_group:
            return kafka_error::non_empty_group;
        case group_errc::group_id_not_found:
            return kafka_error::group_id_not_found;
        case group_errc::invalid_group_id:
            return kafka_error::invalid_group_id;
        case group_errc::coordinator_not_available:
            return kafka_error::coordinator_not_available;
        case group_errc::not_coordinator:
            return kafka_error::not_coordinator;
        case group_errc::invalid_request:
            return kafka_error::invalid_request;
        case group_errc::unsupported_version:
            return kafka_error::unsupported_version;
        case group_errc::group_subscribed_to_topic:
            return kafka_error::group_subscribed_to_topic;
        case group_errc::fenced_member_epoch:
            return kafka_error::fenced_member_epoch;
        case group_errc::stale_member_epoch:
            return kafka_error::stale_member_epoch;
        case group_errc::unreleased_instance_id:
            return kafka_error::unreleased_instance_id;
        case group_errc::unsupported_assignor:
            return kafka_error::unsupported_assignor;
        case group_errc::invalid_regular_expression:
            return kafka_error::invalid_regular_expression;
    }
    return kafka_error::unknown_server_error;
}
}  // namespace

kafka_error to_kafka(std::error_code error, const std::function<void(std::string_view)>& log) {
    if (!error) return kafka_error::none;
    kafka_error found = kafka_error::unknown_server_error;
    if (error.category() == store_category()) {
        found = of_store(static_cast<store::store_errc>(error.value()));
    } else if (error.category() == broker_category()) {
        found = of_broker(static_cast<broker::broker_errc>(error.value()));
    } else if (error.category() == group_category()) {
        found = of_group(static_cast<broker::groups::group_errc>(error.value()));
    } else if (error.category() == imago::wire::wire_category()) {
        found = kafka_error::corrupt_message;
    }
    if (found == kafka_error::unknown_server_error && log) {
        log(std::string("no Kafka error for ") + error.category().name() + ": " + error.message());
    }
    return found;
}

}  // namespace imago::kafka
