#include "imago/errors.h"

#include <algorithm>
#include <array>
#include <string>

namespace imago::client {
namespace {

struct row {
    kafka_errc code;
    bool retriable;
    std::string_view name;
    const char* text;
};

// Sorted by code.
constexpr row rows[] = {
    {kafka_errc::unknown_server_error, false, "UNKNOWN_SERVER_ERROR",
     "the server met an error it has no name for"},
    {kafka_errc::offset_out_of_range, false, "OFFSET_OUT_OF_RANGE",
     "the offset lies outside what the partition holds"},
    {kafka_errc::corrupt_message, true, "CORRUPT_MESSAGE",
     "a record batch did not match its checksum"},
    {kafka_errc::unknown_topic_or_partition, true, "UNKNOWN_TOPIC_OR_PARTITION",
     "there is no such topic or partition"},
    {kafka_errc::invalid_fetch_size, false, "INVALID_FETCH_SIZE",
     "the fetch size is invalid"},
    {kafka_errc::leader_not_available, true, "LEADER_NOT_AVAILABLE",
     "the partition has no leader at the moment"},
    {kafka_errc::not_leader_or_follower, true, "NOT_LEADER_OR_FOLLOWER",
     "the server is not the leader of the partition"},
    {kafka_errc::request_timed_out, true, "REQUEST_TIMED_OUT",
     "the server could not finish the request in time"},
    {kafka_errc::broker_not_available, false, "BROKER_NOT_AVAILABLE",
     "the server is not available"},
    {kafka_errc::replica_not_available, true, "REPLICA_NOT_AVAILABLE",
     "the replica is not available"},
    {kafka_errc::message_too_large, false, "MESSAGE_TOO_LARGE",
     "the batch is larger than the topic's max.message.bytes"},
    {kafka_errc::stale_controller_epoch, false, "STALE_CONTROLLER_EPOCH",
     "the controller moved"},
    {kafka_errc::offset_metadata_too_large, false, "OFFSET_METADATA_TOO_LARGE",
     "the metadata of the committed offset is too large"},
    {kafka_errc::network_exception, true, "NETWORK_EXCEPTION",
     "the server lost the connection"},
    {kafka_errc::coordinator_load_in_progress, true, "COORDINATOR_LOAD_IN_PROGRESS",
     "the coordinator is loading"},
    {kafka_errc::coordinator_not_available, true, "COORDINATOR_NOT_AVAILABLE",
     "the coordinator is not available"},
    {kafka_errc::not_coordinator, true, "NOT_COORDINATOR",
     "the server is not the coordinator"},
    {kafka_errc::invalid_topic_exception, false, "INVALID_TOPIC_EXCEPTION",
     "the topic name is not legal: 1 to 249 of a-z A-Z 0-9 . _ -"},
    {kafka_errc::record_list_too_large, false, "RECORD_LIST_TOO_LARGE",
     "the batch is larger than a segment"},
    {kafka_errc::not_enough_replicas, true, "NOT_ENOUGH_REPLICAS",
     "fewer replicas in sync than the topic asks for"},
    {kafka_errc::not_enough_replicas_after_append, true, "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
     "written, but to fewer replicas than the topic asks for"},
    {kafka_errc::invalid_required_acks, false, "INVALID_REQUIRED_ACKS",
     "acks must be 0, 1 or -1 (all)"},
    {kafka_errc::illegal_generation, false, "ILLEGAL_GENERATION",
     "the generation of the group is not current"},
    {kafka_errc::inconsistent_group_protocol, false, "INCONSISTENT_GROUP_PROTOCOL",
     "the member's protocols do not fit those of its group"},
    {kafka_errc::invalid_group_id, false, "INVALID_GROUP_ID",
     "the group id is not legal"},
    {kafka_errc::unknown_member_id, false, "UNKNOWN_MEMBER_ID",
     "the group does not know the member"},
    {kafka_errc::invalid_session_timeout, false, "INVALID_SESSION_TIMEOUT",
     "the session timeout is outside the server's limits"},
    {kafka_errc::rebalance_in_progress, false, "REBALANCE_IN_PROGRESS",
     "the group is rebalancing"},
    {kafka_errc::invalid_commit_offset_size, false, "INVALID_COMMIT_OFFSET_SIZE",
     "the offset commit is too large"},
    {kafka_errc::topic_authorization_failed, false, "TOPIC_AUTHORIZATION_FAILED",
     "not allowed on this topic"},
    {kafka_errc::group_authorization_failed, false, "GROUP_AUTHORIZATION_FAILED",
     "not allowed on this group"},
    {kafka_errc::cluster_authorization_failed, false, "CLUSTER_AUTHORIZATION_FAILED",
     "not allowed on this cluster"},
    {kafka_errc::invalid_timestamp, false, "INVALID_TIMESTAMP",
     "the timestamp is outside what the topic accepts"},
    {kafka_errc::unsupported_sasl_mechanism, false, "UNSUPPORTED_SASL_MECHANISM",
     "the server does not support this SASL mechanism"},
    {kafka_errc::illegal_sasl_state, false, "ILLEGAL_SASL_STATE",
     "the request does not fit the state of the SASL handshake"},
    {kafka_errc::unsupported_version, false, "UNSUPPORTED_VERSION",
     "the server does not support the version of the request"},
    {kafka_errc::topic_already_exists, false, "TOPIC_ALREADY_EXISTS",
     "a topic of that name exists"},
    {kafka_errc::invalid_partitions, false, "INVALID_PARTITIONS",
     "the number of partitions is invalid"},
    {kafka_errc::invalid_replication_factor, false, "INVALID_REPLICATION_FACTOR",
     "the replication factor is invalid or larger than the number of servers"},
    {kafka_errc::invalid_replica_assignment, false, "INVALID_REPLICA_ASSIGNMENT",
     "the replica assignment is invalid"},
    {kafka_errc::invalid_config, false, "INVALID_CONFIG",
     "a configuration value is invalid"},
    {kafka_errc::not_controller, true, "NOT_CONTROLLER",
     "the server is not the controller"},
    {kafka_errc::invalid_request, false, "INVALID_REQUEST",
     "the server finds the request malformed"},
    {kafka_errc::unsupported_for_message_format, false, "UNSUPPORTED_FOR_MESSAGE_FORMAT",
     "the message format does not support the request"},
    {kafka_errc::policy_violation, false, "POLICY_VIOLATION",
     "a policy of the server forbids it"},
    {kafka_errc::out_of_order_sequence_number, false, "OUT_OF_ORDER_SEQUENCE_NUMBER",
     "the server expected another sequence number of this producer"},
    {kafka_errc::duplicate_sequence_number, false, "DUPLICATE_SEQUENCE_NUMBER",
     "the server has this sequence number already"},
    {kafka_errc::invalid_producer_epoch, false, "INVALID_PRODUCER_EPOCH",
     "the server has seen a newer epoch of this producer"},
    {kafka_errc::invalid_txn_state, false, "INVALID_TXN_STATE",
     "the request does not fit the state of the transaction"},
    {kafka_errc::invalid_producer_id_mapping, false, "INVALID_PRODUCER_ID_MAPPING",
     "the producer id does not belong to the transactional id"},
    {kafka_errc::invalid_transaction_timeout, false, "INVALID_TRANSACTION_TIMEOUT",
     "the transaction timeout is larger than the server allows"},
    {kafka_errc::concurrent_transactions, true, "CONCURRENT_TRANSACTIONS",
     "another transaction of this producer is still being finished"},
    {kafka_errc::transaction_coordinator_fenced, false, "TRANSACTION_COORDINATOR_FENCED",
     "the transaction coordinator has been replaced"},
    {kafka_errc::transactional_id_authorization_failed, false, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
     "not allowed to use this transactional id"},
    {kafka_errc::security_disabled, false, "SECURITY_DISABLED",
     "security features are disabled"},
    {kafka_errc::operation_not_attempted, false, "OPERATION_NOT_ATTEMPTED",
     "another part of the request failed, so that this one was not tried"},
    {kafka_errc::kafka_storage_error, true, "KAFKA_STORAGE_ERROR",
     "the server's disk failed"},
    {kafka_errc::log_dir_not_found, false, "LOG_DIR_NOT_FOUND",
     "the log directory was not found"},
    {kafka_errc::sasl_authentication_failed, false, "SASL_AUTHENTICATION_FAILED",
     "authentication failed"},
    {kafka_errc::unknown_producer_id, false, "UNKNOWN_PRODUCER_ID",
     "the server no longer knows this producer"},
    {kafka_errc::reassignment_in_progress, false, "REASSIGNMENT_IN_PROGRESS",
     "a reassignment is in progress"},
    {kafka_errc::delegation_token_auth_disabled, false, "DELEGATION_TOKEN_AUTH_DISABLED",
     "delegation tokens are disabled"},
    {kafka_errc::delegation_token_not_found, false, "DELEGATION_TOKEN_NOT_FOUND",
     "the delegation token was not found"},
    {kafka_errc::delegation_token_owner_mismatch, false, "DELEGATION_TOKEN_OWNER_MISMATCH",
     "the delegation token belongs to somebody else"},
    {kafka_errc::delegation_token_request_not_allowed, false, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED",
     "delegation tokens cannot be asked for on this connection"},
    {kafka_errc::delegation_token_authorization_failed, false, "DELEGATION_TOKEN_AUTHORIZATION_FAILED",
     "not allowed to use delegation tokens"},
    {kafka_errc::delegation_token_expired, false, "DELEGATION_TOKEN_EXPIRED",
     "the delegation token has expired"},
    {kafka_errc::invalid_principal_type, false, "INVALID_PRINCIPAL_TYPE",
     "the principal type is not supported"},
    {kafka_errc::non_empty_group, false, "NON_EMPTY_GROUP",
     "the group has members"},
    {kafka_errc::group_id_not_found, false, "GROUP_ID_NOT_FOUND",
     "there is no such group"},
    {kafka_errc::fetch_session_id_not_found, true, "FETCH_SESSION_ID_NOT_FOUND",
     "the server forgot the fetch session"},
    {kafka_errc::invalid_fetch_session_epoch, true, "INVALID_FETCH_SESSION_EPOCH",
     "the epoch of the fetch session is invalid"},
    {kafka_errc::listener_not_found, true, "LISTENER_NOT_FOUND",
     "the leader has no matching listener"},
    {kafka_errc::topic_deletion_disabled, false, "TOPIC_DELETION_DISABLED",
     "the server does not let topics be deleted"},
    {kafka_errc::fenced_leader_epoch, true, "FENCED_LEADER_EPOCH",
     "the leader epoch is older than the server's"},
    {kafka_errc::unknown_leader_epoch, true, "UNKNOWN_LEADER_EPOCH",
     "the leader epoch is newer than the server's"},
    {kafka_errc::unsupported_compression_type, false, "UNSUPPORTED_COMPRESSION_TYPE",
     "the server does not support this codec"},
    {kafka_errc::stale_broker_epoch, false, "STALE_BROKER_EPOCH",
     "the server's epoch has changed"},
    {kafka_errc::offset_not_available, true, "OFFSET_NOT_AVAILABLE",
     "the new leader does not know the offset yet"},
    {kafka_errc::member_id_required, false, "MEMBER_ID_REQUIRED",
     "the group wants the member to join again with its id"},
    {kafka_errc::preferred_leader_not_available, true, "PREFERRED_LEADER_NOT_AVAILABLE",
     "the preferred leader is not available"},
    {kafka_errc::group_max_size_reached, false, "GROUP_MAX_SIZE_REACHED",
     "the group is full"},
    {kafka_errc::fenced_instance_id, false, "FENCED_INSTANCE_ID",
     "another member took over this static instance id"},
    {kafka_errc::eligible_leaders_not_available, true, "ELIGIBLE_LEADERS_NOT_AVAILABLE",
     "no eligible leader is available"},
    {kafka_errc::election_not_needed, true, "ELECTION_NOT_NEEDED",
     "no election is needed"},
    {kafka_errc::no_reassignment_in_progress, false, "NO_REASSIGNMENT_IN_PROGRESS",
     "no reassignment is in progress"},
    {kafka_errc::group_subscribed_to_topic, false, "GROUP_SUBSCRIBED_TO_TOPIC",
     "the group still subscribes to the topic"},
    {kafka_errc::invalid_record, false, "INVALID_RECORD",
     "the server's checks refused the record"},
    {kafka_errc::unstable_offset_commit, true, "UNSTABLE_OFFSET_COMMIT",
     "there are offset commits not yet stable"},
    {kafka_errc::throttling_quota_exceeded, true, "THROTTLING_QUOTA_EXCEEDED",
     "a quota was exceeded"},
    {kafka_errc::producer_fenced, false, "PRODUCER_FENCED",
     "a newer producer has the same transactional id"},
    {kafka_errc::resource_not_found, false, "RESOURCE_NOT_FOUND",
     "the resource was not found"},
    {kafka_errc::duplicate_resource, false, "DUPLICATE_RESOURCE",
     "the resource is named twice"},
    {kafka_errc::unacceptable_credential, false, "UNACCEPTABLE_CREDENTIAL",
     "the credential does not meet the rules"},
    {kafka_errc::inconsistent_voter_set, false, "INCONSISTENT_VOTER_SET",
     "the voter set is inconsistent"},
    {kafka_errc::invalid_update_version, false, "INVALID_UPDATE_VERSION",
     "the update version is invalid"},
    {kafka_errc::feature_update_failed, false, "FEATURE_UPDATE_FAILED",
     "the feature update failed"},
    {kafka_errc::principal_deserialization_failure, false, "PRINCIPAL_DESERIALIZATION_FAILURE",
     "the principal could not be read"},
    {kafka_errc::snapshot_not_found, false, "SNAPSHOT_NOT_FOUND",
     "the snapshot was not found"},
    {kafka_errc::position_out_of_range, false, "POSITION_OUT_OF_RANGE",
     "the position lies outside the snapshot"},
    {kafka_errc::unknown_topic_id, true, "UNKNOWN_TOPIC_ID",
     "there is no topic of this id"},
    {kafka_errc::duplicate_broker_registration, false, "DUPLICATE_BROKER_REGISTRATION",
     "a server of this id is registered already"},
    {kafka_errc::broker_id_not_registered, false, "BROKER_ID_NOT_REGISTERED",
     "no server of this id is registered"},
    {kafka_errc::inconsistent_topic_id, true, "INCONSISTENT_TOPIC_ID",
     "the topic id does not match the topic's name"},
    {kafka_errc::inconsistent_cluster_id, false, "INCONSISTENT_CLUSTER_ID",
     "the cluster id does not match"},
    {kafka_errc::transactional_id_not_found, false, "TRANSACTIONAL_ID_NOT_FOUND",
     "there is no such transactional id"},
    {kafka_errc::fetch_session_topic_id_error, true, "FETCH_SESSION_TOPIC_ID_ERROR",
     "the fetch session mixes topic ids and names"},
    {kafka_errc::ineligible_replica, false, "INELIGIBLE_REPLICA",
     "the replica may not join"},
    {kafka_errc::new_leader_elected, false, "NEW_LEADER_ELECTED",
     "the leader has changed"},
    {kafka_errc::offset_moved_to_tiered_storage, false, "OFFSET_MOVED_TO_TIERED_STORAGE",
     "the offset has moved to tiered storage"},
    {kafka_errc::fenced_member_epoch, false, "FENCED_MEMBER_EPOCH",
     "the member epoch is not current"},
    {kafka_errc::unreleased_instance_id, false, "UNRELEASED_INSTANCE_ID",
     "the static instance id is still in use"},
    {kafka_errc::unsupported_assignor, false, "UNSUPPORTED_ASSIGNOR",
     "the assignor is not supported"},
    {kafka_errc::stale_member_epoch, false, "STALE_MEMBER_EPOCH",
     "the member epoch is stale"},
    {kafka_errc::mismatched_endpoint_type, false, "MISMATCHED_ENDPOINT_TYPE",
     "the request went to an endpoint of the wrong type"},
    {kafka_errc::unsupported_endpoint_type, false, "UNSUPPORTED_ENDPOINT_TYPE",
     "the endpoint type is not supported"},
    {kafka_errc::unknown_controller_id, false, "UNKNOWN_CONTROLLER_ID",
     "the controller is not known"},
    {kafka_errc::unknown_subscription_id, false, "UNKNOWN_SUBSCRIPTION_ID",
     "the subscription is not known"},
    {kafka_errc::telemetry_too_large, false, "TELEMETRY_TOO_LARGE",
     "the telemetry is too large"},
    {kafka_errc::invalid_registration, false, "INVALID_REGISTRATION",
     "the registration is invalid"},
    {kafka_errc::transaction_abortable, false, "TRANSACTION_ABORTABLE",
     "the transaction has to be aborted"},
};

const row* find(int code) noexcept {
    const auto* at = std::lower_bound(std::begin(rows), std::end(rows), code,
                                      [](const row& r, int wanted) { return static_cast<int>(r.code) < wanted; });
    return at != std::end(rows) && static_cast<int>(at->code) == code ? at : nullptr;
}

class kafka_errors final : public std::error_category {
public:
    const char* name() const noexcept override { return "kafka"; }
    std::string message(int code) const override {
        if (const row* known = find(code)) return known->text;
        return "error code " + std::to_string(code) + " of the server";
    }
};

constexpr std::array<std::string_view, 13> client_names = {
    "",           "TIMED_OUT",         "CONNECTION_LOST", "NOT_REACHABLE", "NOT_KAFKA",         "NO_COMMON_VERSION", "CLOSED",
    "BUFFER_FULL", "MESSAGE_TOO_LARGE", "OUTCOME_UNKNOWN", "BAD_RESPONSE",  "NO_SUCH_PARTITION", "BAD_ARGUMENT"};

class client_errors final : public std::error_category {
public:
    const char* name() const noexcept override { return "imago.client"; }
    std::string message(int code) const override {
        switch (static_cast<client_errc>(code)) {
            case client_errc::timed_out: return "no answer in time";
            case client_errc::connection_lost: return "the connection was lost";
            case client_errc::not_reachable: return "no broker could be reached";
            case client_errc::not_kafka: return "what answers there does not speak the Kafka protocol";
            case client_errc::no_common_version: return "the server supports no version of this request that we know";
            case client_errc::closed: return "closed";
            case client_errc::buffer_full: return "the producer's buffer is full";
            case client_errc::message_too_large: return "the message is larger than a request may be";
            case client_errc::outcome_unknown: return "it is not known whether the batch was written";
            case client_errc::bad_response: return "the server's answer makes no sense";
            case client_errc::no_such_partition: return "the topic has no such partition";
            case client_errc::bad_argument: return "an argument is outside its range";
        }
        return "unknown error";
    }
};

}  // namespace

const std::error_category& kafka_category() noexcept {
    static const kafka_errors category;
    return category;
}
const std::error_category& client_category() noexcept {
    static const client_errors category;
    return category;
}

std::error_code from_wire(std::int16_t code) noexcept {
    if (code == 0) return {};
    return {code, kafka_category()};
}

bool is_retriable(std::error_code error) noexcept {
    if (error.category() == kafka_category()) {
        const row* known = find(error.value());
        return known != nullptr && known->retriable;
    }
    return error == client_errc::timed_out || error == client_errc::connection_lost ||
           error == client_errc::not_reachable;
}

std::string_view name_of(std::error_code error) noexcept {
    if (error.category() == kafka_category()) {
        const row* known = find(error.value());
        return known != nullptr ? known->name : "UNKNOWN_ERROR_CODE";
    }
    if (error.category() == client_category() && error.value() > 0 &&
        error.value() < static_cast<int>(client_names.size()))
        return client_names[static_cast<std::size_t>(error.value())];
    return "SYSTEM_ERROR";
}

}  // namespace imago::client
