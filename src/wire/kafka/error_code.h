// The error codes of the Kafka protocol. Numbers and names are Kafka's, the texts are ours.
#pragma once

#include <cstdint>
#include <string_view>

// X(name, number, whether a client may just try again, text)
#define IMAGO_KAFKA_ERRORS(X)                                                                               \
    X(unknown_server_error, -1, false, "the server failed in a way that has no code of its own")            \
    X(none, 0, false, "no error")                                                                           \
    X(offset_out_of_range, 1, false, "the offset lies outside what the queue holds")                        \
    X(corrupt_message, 2, true, "the batch fails its checksum or is malformed")                             \
    X(unknown_topic_or_partition, 3, true, "there is no such topic or partition here")                      \
    X(invalid_fetch_size, 4, false, "the fetch size is invalid")                                            \
    X(leader_not_available, 5, true, "the partition has no leader at the moment")                           \
    X(not_leader_or_follower, 6, true, "this broker does not hold the partition")                           \
    X(request_timed_out, 7, true, "the request took too long")                                              \
    X(broker_not_available, 8, false, "the broker is not available")                                        \
    X(replica_not_available, 9, true, "the replica is not available")                                       \
    X(message_too_large, 10, false, "the batch is larger than the server accepts")                          \
    X(stale_controller_epoch, 11, false, "the controller's epoch is out of date")                           \
    X(offset_metadata_too_large, 12, false, "the metadata committed with the offset is too large")          \
    X(network_exception, 13, true, "the connection broke before the answer came")                           \
    X(coordinator_load_in_progress, 14, true, "the coordinator is still loading its state")                 \
    X(coordinator_not_available, 15, true, "the coordinator is not available")                              \
    X(not_coordinator, 16, true, "this broker is not the coordinator")                                      \
    X(invalid_topic_exception, 17, false, "the topic's name is not legal, or the topic may not be used so") \
    X(record_list_too_large, 18, false, "the batch is larger than a segment of the log")                    \
    X(not_enough_replicas, 19, true, "there are fewer replicas in sync than required")                      \
    X(not_enough_replicas_after_append, 20, true, "written, but to fewer replicas than required")           \
    X(invalid_required_acks, 21, false, "acks must be -1, 0 or 1")                                          \
    X(illegal_generation, 22, false, "the group has moved on to another generation")                        \
    X(inconsistent_group_protocol, 23, false, "the member supports no protocol that the group uses")        \
    X(invalid_group_id, 24, false, "the group id is not legal")                                             \
    X(unknown_member_id, 25, false, "the group does not know this member")                                  \
    X(invalid_session_timeout, 26, false, "the session timeout is outside the allowed range")               \
    X(rebalance_in_progress, 27, false, "the group is rebalancing: join again")                             \
    X(invalid_commit_offset_size, 28, false, "the committed offsets are too large to store")                \
    X(topic_authorization_failed, 29, false, "not authorised for the topic")                                \
    X(group_authorization_failed, 30, false, "not authorised for the group")                                \
    X(cluster_authorization_failed, 31, false, "not authorised for the cluster")                            \
    X(invalid_timestamp, 32, false, "a record's timestamp is outside the allowed range")                    \
    X(unsupported_sasl_mechanism, 33, false, "the SASL mechanism is not supported")                         \
    X(illegal_sasl_state, 34, false, "the request does not fit the state of authentication")                \
    X(unsupported_version, 35, false, "the version of the request is not supported")                        \
    X(topic_already_exists, 36, false, "a topic of this name exists")                                       \
    X(invalid_partitions, 37, false, "the number of partitions is not valid")                               \
    X(invalid_replication_factor, 38, false, "the replication factor is not valid")                         \
    X(invalid_replica_assignment, 39, false, "the assignment of replicas is not valid")                     \
    X(invalid_config, 40, false, "the configuration is not valid")                                          \
    X(not_controller, 41, true, "this broker is not the controller")                                        \
    X(invalid_request, 42, false, "the request contradicts itself or the protocol")                         \
    X(unsupported_for_message_format, 43, false, "the stored message format cannot do this")                \
    X(policy_violation, 44, false, "a policy forbids the request")                                          \
    X(out_of_order_sequence_number, 45, false, "the producer's sequence has a gap")                         \
    X(duplicate_sequence_number, 46, false, "the producer's sequence was seen before")                      \
    X(invalid_producer_epoch, 47, false, "the producer's epoch is old")                                     \
    X(invalid_txn_state, 48, false, "the transaction is not in a state for this")                           \
    X(invalid_producer_id_mapping, 49, false, "the producer id does not belong to this transactional id")   \
    X(invalid_transaction_timeout, 50, false, "the transaction timeout is longer than the server allows")   \
    X(concurrent_transactions, 51, true, "another change of the same transaction is under way")             \
    X(transaction_coordinator_fenced, 52, false, "the transaction's coordinator has been replaced")         \
    X(transactional_id_authorization_failed, 53, false, "not authorised for the transactional id")          \
    X(security_disabled, 54, false, "security is switched off")                                             \
    X(operation_not_attempted, 55, false, "not attempted, because something before it failed")              \
    X(kafka_storage_error, 56, true, "the disk failed under the log")                                       \
    X(log_dir_not_found, 57, false, "there is no such log folder")                                          \
    X(sasl_authentication_failed, 58, false, "authentication failed")                                       \
    X(unknown_producer_id, 59, false, "nothing is known of this producer id")                               \
    X(reassignment_in_progress, 60, false, "the partition is being moved")                                  \
    X(delegation_token_auth_disabled, 61, false, "delegation tokens are switched off")                      \
    X(delegation_token_not_found, 62, false, "there is no such delegation token")                           \
    X(delegation_token_owner_mismatch, 63, false, "the delegation token belongs to somebody else")          \
    X(delegation_token_request_not_allowed, 64, false,                                                      \
      "delegation tokens may not be asked for on this connection")                                          \
    X(delegation_token_authorization_failed, 65, false, "not authorised for the delegation token")          \
    X(delegation_token_expired, 66, false, "the delegation token has expired")                              \
    X(invalid_principal_type, 67, false, "the type of principal is not supported")                          \
    X(non_empty_group, 68, false, "the group still has members")                                            \
    X(group_id_not_found, 69, false, "there is no such group")                                              \
    X(fetch_session_id_not_found, 70, true, "there is no such fetch session")                               \
    X(invalid_fetch_session_epoch, 71, true, "the epoch of the fetch session is wrong")                     \
    X(listener_not_found, 72, true, "the leader has no listener of the kind that was used")                 \
    X(topic_deletion_disabled, 73, false, "deleting topics is switched off")                                \
    X(fenced_leader_epoch, 74, true, "the leader epoch is older than the broker's")                         \
    X(unknown_leader_epoch, 75, true, "the leader epoch is newer than the broker's")                        \
    X(unsupported_compression_type, 76, false, "the codec is not supported in this version")                \
    X(stale_broker_epoch, 77, false, "the broker's epoch has changed")                                      \
    X(offset_not_available, 78, true, "the leader's high watermark has not caught up yet")                  \
    X(member_id_required, 79, false, "join again with the member id that was given")                        \
    X(preferred_leader_not_available, 80, true, "the preferred leader is not available")                    \
    X(group_max_size_reached, 81, false, "the group is full")                                               \
    X(fenced_instance_id, 82, false, "another member with this instance id has taken its place")            \
    X(eligible_leaders_not_available, 83, true, "no replica may become leader")                             \
    X(election_not_needed, 84, true, "the partition has the leader it should have")                         \
    X(no_reassignment_in_progress, 85, false, "the partition is not being moved")                           \
    X(group_subscribed_to_topic, 86, false, "the group still subscribes to the topic")                      \
    X(invalid_record, 87, false, "a record breaks the rules of its batch or topic")                         \
    X(unstable_offset_commit, 88, true, "offsets are part of a transaction that is still open")             \
    X(throttling_quota_exceeded, 89, true, "over the quota")                                                \
    X(producer_fenced, 90, false, "a newer producer with this transactional id exists")                     \
    X(resource_not_found, 91, false, "there is no such resource")                                           \
    X(duplicate_resource, 92, false, "the resource is there already or named twice")                        \
    X(unacceptable_credential, 93, false, "the credential does not meet the requirements")                  \
    X(inconsistent_voter_set, 94, false, "the voters are not those expected")                               \
    X(invalid_update_version, 95, false, "the feature cannot be set to this version")                       \
    X(feature_update_failed, 96, false, "features could not be changed")                                    \
    X(principal_deserialization_failure, 97, false, "the forwarded principal cannot be read")               \
    X(snapshot_not_found, 98, false, "there is no such snapshot")                                           \
    X(position_out_of_range, 99, false, "the position lies outside the snapshot")                           \
    X(unknown_topic_id, 100, true, "there is no topic with this id here")                                   \
    X(duplicate_broker_registration, 101, false, "a broker with this id is registered")                     \
    X(broker_id_not_registered, 102, false, "no broker with this id is registered")                         \
    X(inconsistent_topic_id, 103, true, "the topic's id is not the one in the log")                         \
    X(inconsistent_cluster_id, 104, false, "the request is for another cluster")                            \
    X(transactional_id_not_found, 105, false, "there is no such transactional id")                          \
    X(fetch_session_topic_id_error, 106, true, "the fetch session mixes topic ids and names")               \
    X(ineligible_replica, 107, false, "the replica may not be in sync")                                     \
    X(new_leader_elected, 108, false, "the leader has changed")                                             \
    X(offset_moved_to_tiered_storage, 109, false, "the offset is in tiered storage")                        \
    X(fenced_member_epoch, 110, false, "the member's epoch is old: join again")                             \
    X(unreleased_instance_id, 111, false, "the instance id is still used by another member")                \
    X(unsupported_assignor, 112, false, "the assignor is not supported")                                    \
    X(stale_member_epoch, 113, false, "the member's epoch is out of date: retry with the current one")      \
    X(mismatched_endpoint_type, 114, false, "this endpoint is of another type")                             \
    X(unsupported_endpoint_type, 115, false, "the type of endpoint is not supported")                       \
    X(unknown_controller_id, 116, false, "there is no such controller")                                     \
    X(unknown_subscription_id, 117, false, "there is no such telemetry subscription")                       \
    X(telemetry_too_large, 118, false, "the telemetry is too large")                                        \
    X(invalid_registration, 119, false, "the registration of the broker is not valid")                      \
    X(transaction_abortable, 120, false, "the transaction must be aborted")                                 \
    X(invalid_record_state, 121, false, "the record is not in a state for this")                            \
    X(share_session_not_found, 122, true, "there is no such share session")                                 \
    X(invalid_share_session_epoch, 123, true, "the epoch of the share session is wrong")                    \
    X(fenced_state_epoch, 124, false, "the state epoch is old")                                             \
    X(invalid_voter_key, 125, false, "the voter's key is not the one recorded")                             \
    X(duplicate_voter, 126, false, "the voter is there already")                                            \
    X(voter_not_found, 127, false, "there is no such voter")                                                \
    X(invalid_regular_expression, 128, false, "the regular expression is not valid")                        \
    X(rebootstrap_required, 129, false,                                                                     \
      "the client must fetch its metadata anew from the bootstrap servers")                                 \
    X(streams_invalid_topology, 130, false, "the topology is not valid")                                    \
    X(streams_invalid_topology_epoch, 131, false, "the epoch of the topology is not valid")                 \
    X(streams_topology_fenced, 132, false, "the topology is out of date")                                   \
    X(share_session_limit_reached, 133, true, "there are too many share sessions")

namespace imago::wire::kafka {

#define IMAGO_KAFKA_ERROR(name, number, retriable, text) name = number,
enum class kafka_error : std::int16_t { IMAGO_KAFKA_ERRORS(IMAGO_KAFKA_ERROR) };
#undef IMAGO_KAFKA_ERROR

/// Kafka's spelling, OFFSET_OUT_OF_RANGE; "UNKNOWN_ERROR_CODE" for a number that is none of the above.
[[nodiscard]] std::string_view error_name(kafka_error error) noexcept;
/// A sentence without a full stop, fit for an error_message field.
[[nodiscard]] std::string_view error_text(kafka_error error) noexcept;
[[nodiscard]] bool is_retriable(kafka_error error) noexcept;

/// What goes into an error_code field.
[[nodiscard]] constexpr std::int16_t code_of(kafka_error error) noexcept {
    return static_cast<std::int16_t>(error);
}

}  // namespace imago::wire::kafka
