// A first-in, first-out list of requests, linked through request::next: the rings' queues need no memory of
// their own.
#pragma once

#include "io/disk.h"

namespace imago::io {

class request_list {
public:
    [[nodiscard]] bool empty() const { return head_ == nullptr; }

    void push(request& item) {
        item.next = nullptr;
        (tail_ != nullptr ? tail_->next : head_) = &item;
        tail_ = &item;
    }
    [[nodiscard]] request& pop() {
        request& item = *head_;
        head_ = item.next;
        if (head_ == nullptr) tail_ = nullptr;
        item.next = nullptr;
        return item;
    }
    /// Appends all of `other` and leaves it empty.
    void take(request_list& other) {
        if (other.empty()) return;
        (tail_ != nullptr ? tail_->next : head_) = other.head_;
        tail_ = other.tail_;
        other.head_ = other.tail_ = nullptr;
    }

private:
    request* head_ = nullptr;
    request* tail_ = nullptr;
};

}  // namespace imago::io
