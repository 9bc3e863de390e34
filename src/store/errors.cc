#include "store/errors.h"

#include <string>

namespace imago::store {
namespace {

class category final : public std::error_category {
    const char* name() const noexcept override { return "imago.store"; }
    std::string message(int code) const override {
        switch (static_cast<store_errc>(code)) {
            case store_errc::unknown_queue: return "the queue does not exist";
            case store_errc::offset_out_of_range: return "the offset lies outside the queue";
            case store_errc::damaged: return "the messages were stored, but what the disk holds now is damaged";
            case store_errc::no_space: return "the disk is full";
            case store_errc::failed: return "a write to the disk failed; nothing is accepted until a restart";
            case store_errc::closing: return "the server is stopping";
            case store_errc::out_of_order_sequence: return "the producer's sequence number is not the next one";
            case store_errc::invalid_producer_epoch: return "the producer has been replaced by one with a newer epoch";
            case store_errc::too_large: return "the batch is larger than a segment of the log";
            case store_errc::corrupt_snapshot: return "the checkpoint is damaged";
            case store_errc::bad_format: return "the folder was written by something else, or by a newer version";
            case store_errc::locked: return "another process is using this folder";
        }
        return "unknown error of the store";
    }
};

}  // namespace

std::error_code make_error_code(store_errc error) {
    static const category instance;
    return {static_cast<int>(error), instance};
}

}  // namespace imago::store
