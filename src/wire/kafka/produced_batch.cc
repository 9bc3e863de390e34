#include "wire/kafka/produced_batch.h"

#include "base/checksum.h"
#include "base/records.h"
#include "wire/error.h"
#include "wire/record_scanner.h"

#include <algorithm>

namespace imago::wire::kafka {
namespace {

/// An error of the batch as a whole, found by looking at its header; none if that is in order.
produced_batch check_header(byte_view records, const produce_rules& rules) {
    const auto refuse = [](kafka_error error, std::string_view text) {
        return produced_batch{.error = error, .text = text};
    };
    if (records.size() < batch_header_size)
        return refuse(kafka_error::invalid_record, "there is no record batch");
    const batch_view batch(records);
    if (batch.magic() != 2)
        return refuse(kafka_error::invalid_record, "only record batches of magic 2 are accepted");
    if (batch.size() < static_cast<std::int64_t>(batch_header_size))
        return refuse(kafka_error::corrupt_message, "the batch is shorter than its header");
    if (batch.size() > static_cast<std::int64_t>(records.size()))
        return refuse(kafka_error::corrupt_message, "the batch is longer than what was sent");
    if (batch.size() < static_cast<std::int64_t>(records.size()))
        return refuse(kafka_error::invalid_record,
                      "there must be exactly one record batch for each partition");
    if (records.size() > rules.batch_bytes_max)
        return refuse(kafka_error::message_too_large, "the batch is larger than max.message.bytes");
    if (batch.crc() != crc32c(records.subspan(batch_crc_start)))
        return refuse(kafka_error::corrupt_message, "the checksum of the batch does not match");
    if (batch.base_offset().value != 0)
        return refuse(kafka_error::invalid_record, "a producer's batch must have base offset 0");
    if (batch.count() <= 0 || std::int64_t{batch.count()} != std::int64_t{batch.last_offset_delta()} + 1)
        return refuse(kafka_error::invalid_record,
                      "the number of records does not fit the offsets of the batch");
    if (batch.control())
        return refuse(kafka_error::invalid_record, "a producer may not write control batches");
    if (batch.producer_id() >= 0 && batch.base_sequence() < 0)
        return refuse(kafka_error::invalid_record, "a producer with an id must send sequence numbers");
    if (batch.log_append_time() && !rules.log_append_time)
        return refuse(kafka_error::invalid_timestamp, "a producer may not set the time of the append");
    compression codec{};
    if (!codec_of(batch, codec))
        return refuse(kafka_error::unsupported_compression_type, "the codec of the batch is not known");
    if (codec == compression::zstd && !rules.zstd_allowed)
        return refuse(kafka_error::unsupported_compression_type, "zstd needs Produce version 7 or later");
    return {.count = batch.count(), .codec = codec};
}

/// Looks at the records of a batch one after the other.
class record_check {
public:
    record_check(const batch_view& batch, const produce_rules& rules, produced_batch& verdict)
        : rules_(rules), verdict_(verdict), base_timestamp_(batch.base_timestamp()), count_(batch.count()) {
        // The earliest and latest time that a record may have, without overflow.
        oldest_ = rules.now < INT64_MIN + rules.before_max_ms ? INT64_MIN : rules.now - rules.before_max_ms;
        newest_ = rules.now > INT64_MAX - rules.after_max_ms ? INT64_MAX : rules.now + rules.after_max_ms;
    }

    /// False ends it: nothing more is to be learned.
    bool look(std::int64_t timestamp_delta, std::int32_t offset_delta, bool has_key) {
        if (offset_delta != seen_) return refuse("the offsets of the records are not consecutive");
        if (seen_ == count_) return refuse("there are more records than the batch says");
        const auto timestamp = static_cast<unix_ms>(static_cast<std::uint64_t>(base_timestamp_) +
                                                    static_cast<std::uint64_t>(timestamp_delta));
        max_timestamp_ = std::max(max_timestamp_, timestamp);
        if (rules_.keys_required && !has_key)
            fault(kafka_error::invalid_record, "a compacted topic needs a key in every record");
        if (!rules_.log_append_time && timestamp != -1 && (timestamp < oldest_ || timestamp > newest_))
            fault(kafka_error::invalid_timestamp, "the timestamp of the record is out of range");
        ++seen_;
        return true;
    }
    /// To be called when all records were seen, or no more can be: `whole` says which.
    void end(bool whole) {
        if (verdict_.error != kafka_error::none) return;
        if (!whole) {
            refuse("the records of the batch are damaged");
        } else if (seen_ != count_) {
            refuse("there are fewer records than the batch says");
        }
        verdict_.max_timestamp = max_timestamp_;
    }

private:
    bool refuse(std::string_view text) {
        verdict_.error = kafka_error::invalid_record;
        verdict_.text = text;
        return false;
    }
    void fault(kafka_error error, std::string_view text) {
        if (verdict_.faults.size() == record_faults_max) return;
        if (verdict_.faults.empty()) {
            verdict_.error = error;
            verdict_.text = "one or more records have been rejected";
        }
        verdict_.faults.push_back({seen_, text});
    }

    const produce_rules& rules_;
    produced_batch& verdict_;
    unix_ms base_timestamp_;
    std::int32_t count_;
    std::int32_t seen_ = 0;
    unix_ms oldest_;
    unix_ms newest_;
    unix_ms max_timestamp_ = -1;
};

void check_plain(byte_view payload, record_check& check) {
    record_reader reader(payload);
    for (record_view record; reader.next(record);) {
        if (!check.look(record.timestamp_delta, record.offset_delta, record.key.has_value())) return;
    }
    check.end(!reader.damaged());
}

void check_compressed(byte_view payload, const produce_rules& rules, record_check& check,
                      produced_batch& verdict) {
    record_scanner scanner;
    const auto take = [&](byte_view piece) {
        return scanner.take(piece, [&](const scanned_record& record) {
            return check.look(record.timestamp_delta, record.offset_delta, record.has_key);
        });
    };
    const result<> done = decompress(verdict.codec, payload, rules.limits, take);
    if (!done && done.error() == wire_errc::output_too_large) {
        verdict.error = kafka_error::message_too_large;
        verdict.text = "the records of the batch are too large when decompressed";
        return;
    }
    check.end(done && scanner.at_boundary());
}

}  // namespace

produced_batch check_produced(byte_view records, const produce_rules& rules) {
    produced_batch verdict = check_header(records, rules);
    if (verdict.error != kafka_error::none) return verdict;
    record_check check(batch_view(records), rules, verdict);
    const byte_view payload = records.subspan(batch_header_size);
    if (verdict.codec == compression::none) {
        check_plain(payload, check);
    } else {
        check_compressed(payload, rules, check, verdict);
    }
    return verdict;
}

}  // namespace imago::wire::kafka
