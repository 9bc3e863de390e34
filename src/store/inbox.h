// Requests on their way to the log thread: any thread pushes, one takes them all, in order. Lock-free.
#pragma once

#include <atomic>
#include <cstddef>

namespace imago::store {

/// T has a member `T* next`. Requests are owned by whoever pushed them.
template <class T>
class inbox {
public:
    void push(T& item) {
        T* head = head_.load(std::memory_order_relaxed);
        do {
            item.next = head;
        } while (!head_.compare_exchange_weak(head, &item, std::memory_order_seq_cst, std::memory_order_relaxed));
    }
    /// `first` and those linked to it, in their order and with nothing between them.
    void push_all(T& first) {
        T* newest_first = nullptr;
        for (T* item = &first; item != nullptr;) {
            T* const after = item->next;
            item->next = newest_first;
            newest_first = item;
            item = after;
        }
        T* head = head_.load(std::memory_order_relaxed);
        do {
            first.next = head;
        } while (!head_.compare_exchange_weak(head, newest_first, std::memory_order_seq_cst, std::memory_order_relaxed));
    }
    [[nodiscard]] bool empty() const { return head_.load(std::memory_order_seq_cst) == nullptr; }
    /// Whether there are so many; for whoever takes them.
    [[nodiscard]] bool holds(std::size_t count) const {
        const T* item = head_.load(std::memory_order_acquire);
        while (item != nullptr && count > 0) {
            item = item->next;
            count -= 1;
        }
        return count == 0;
    }
    /// All that was pushed, oldest first, linked by next.
    [[nodiscard]] T* take() {
        T* newest_first = head_.exchange(nullptr, std::memory_order_acquire);
        T* oldest_first = nullptr;
        while (newest_first != nullptr) {
            T* const item = newest_first;
            newest_first = item->next;
            item->next = oldest_first;
            oldest_first = item;
        }
        return oldest_first;
    }

private:
    std::atomic<T*> head_{nullptr};
};

/// A plain queue of the same items; one thread.
template <class T>
class fifo {
public:
    void append(T* chain) {
        if (chain == nullptr) return;
        (tail_ == nullptr ? head_ : tail_->next) = chain;
        while (chain->next != nullptr) chain = chain->next;
        tail_ = chain;
    }
    [[nodiscard]] T* front() const { return head_; }
    void pop() {
        head_ = head_->next;
        if (head_ == nullptr) tail_ = nullptr;
    }

private:
    T* head_ = nullptr;
    T* tail_ = nullptr;
};

}  // namespace imago::store
