#include "client/cli/block_reader.h"

#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

namespace imago::client::cli {

block_reader::block_reader(asio::io_context& io, int descriptor)
    : arrived_(io.get_executor()), state_(std::make_shared<shared>()), target_(std::make_shared<event*>(&arrived_)) {
    for (std::size_t i = 0; i < blocks; ++i) state_->free.emplace_back();
    ::fcntl(descriptor, F_SETPIPE_SZ, static_cast<int>(block_size));  // a pipe's 64 KiB would mean many small reads
    // The thread may outlive us, never the io_context: the one command of the process ends with the process. It holds
    // no work guard, so that a read that never returns keeps nothing alive.
    const auto tell = [&io, target = target_] {
        asio::post(io, [target] {
            if (*target != nullptr) (*target)->notify();
        });
    };
    std::thread(read_all, state_, descriptor, tell).detach();
}

block_reader::~block_reader() {
    stop();
    *target_ = nullptr;
}

void block_reader::stop() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->stopped = true;
    }
    state_->freed.notify_all();
    arrived_.notify();
}

void block_reader::read_all(std::shared_ptr<shared> state, int descriptor, std::function<void()> tell) {
    for (;;) {
        block into;
        {
            std::unique_lock lock(state->mutex);
            state->freed.wait(lock, [&] { return state->stopped || !state->free.empty(); });
            if (state->stopped) return;
            into = std::move(state->free.back());
            state->free.pop_back();
        }
        ssize_t got = 0;
        do got = ::read(descriptor, into.bytes.get(), block_size);
        while (got < 0 && errno == EINTR);
        const std::lock_guard lock(state->mutex);
        if (state->stopped) return;
        if (got <= 0) {
            state->error = got < 0 ? errno : 0;
            state->ended = true;
        } else {
            into.size = static_cast<std::size_t>(got);
            state->full.push_back(std::move(into));
        }
        tell();
        if (state->ended) return;
    }
}

asio::awaitable<std::string_view> block_reader::next() {
    for (;;) {
        {
            const std::lock_guard lock(state_->mutex);
            if (have_current_) {
                state_->free.push_back(std::move(current_));
                have_current_ = false;
                state_->freed.notify_one();
            }
            if (state_->stopped) co_return std::string_view();
            if (!state_->full.empty()) {
                current_ = std::move(state_->full.front());
                state_->full.pop_front();
                have_current_ = true;
                co_return std::string_view(current_.bytes.get(), current_.size);
            }
            if (state_->ended) {
                error_ = std::error_code(state_->error, std::system_category());
                co_return std::string_view();
            }
        }
        co_await arrived_.wait();
    }
}

}  // namespace imago::client::cli
