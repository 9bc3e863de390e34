#include "broker/changes.h"

#include <memory>
#include <utility>

namespace imago::broker {
namespace {

/// Owns itself from submit() until done().
struct pending_change {
    store::change_request request;
    change_done done;
};

struct sequence {
    store::store& store;
    std::vector<change_list> frames;
    std::function<void(std::error_code, std::size_t)> done;
    std::size_t next = 0;
};

void go_on(std::shared_ptr<sequence> sequence) {
    if (sequence->next == sequence->frames.size()) return sequence->done({}, sequence->next);
    change_list frame = std::move(sequence->frames[sequence->next]);
    store::store& store = sequence->store;
    submit(store, std::move(frame), [sequence = std::move(sequence)](std::error_code error) mutable {
        if (error) return sequence->done(error, sequence->next);
        ++sequence->next;
        go_on(std::move(sequence));
    });
}

}  // namespace

void submit(store::store& store, change_list changes, change_done done) {
    auto* pending = new pending_change;
    pending->request.changes = std::move(changes);
    pending->done = std::move(done);
    pending->request.context = pending;
    pending->request.done = [](store::change_request& request) {
        std::unique_ptr<pending_change> finished(static_cast<pending_change*>(request.context));
        finished->done(finished->request.error);
    };
    store.change(pending->request);
}

void submit_in_order(store::store& store, std::vector<change_list> frames,
                     std::function<void(std::error_code, std::size_t)> done) {
    go_on(std::make_shared<sequence>(sequence{store, std::move(frames), std::move(done)}));
}

std::size_t size_of(const store::table_change& change) {
    return change.key.size() + change.value.size() + 16;
}

}  // namespace imago::broker
