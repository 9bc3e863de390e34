#include "server/kafka/traffic.h"

#include "server/kafka/handlers.h"

namespace imago::kafka {

api_counter* traffic::join() {
    const std::lock_guard lock(mutex_);
    threads_.push_back(std::make_unique<api_counter[]>(handlers().size()));
    return threads_.back().get();
}

std::vector<traffic::total> traffic::totals() const {
    std::vector<total> sums(handlers().size());
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < sums.size(); ++i) {
        const wire::api_info* api = wire::find_api(static_cast<std::int16_t>(handlers()[i].key));
        sums[i].api = api != nullptr ? api->name : "?";
        for (const auto& thread : threads_) {
            sums[i].requests += thread[i].requests.load(std::memory_order_relaxed);
            sums[i].errors += thread[i].errors.load(std::memory_order_relaxed);
        }
    }
    return sums;
}

}  // namespace imago::kafka
