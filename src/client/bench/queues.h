// Which queues a load goes to: all in turn, or some far more often than others.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace imago::bench {

/// The queues of `requests` requests, `each` different ones in a request. Uniform: every queue equally often, in turn.
/// Zipf: queue k with a probability that falls as 1/(k+1)^exponent. The same seed gives the same queues.
inline std::vector<std::vector<std::int32_t>> choose_queues(std::int32_t queues, std::int32_t each, double zipf_exponent,
                                                            std::uint64_t seed = 1) {
    std::vector<std::vector<std::int32_t>> requests;
    each = std::min(each, queues);
    if (zipf_exponent <= 0) {
        // Whole rounds over all queues, so that every one is met equally often.
        std::int32_t next = 0;
        do {
            auto& request = requests.emplace_back();
            for (std::int32_t i = 0; i < each; ++i) {
                request.push_back(next);
                next = next + 1 == queues ? 0 : next + 1;
            }
        } while (next != 0);
        return requests;
    }
    std::vector<double> below(static_cast<std::size_t>(queues));
    double sum = 0;
    for (std::int32_t k = 0; k < queues; ++k) below[static_cast<std::size_t>(k)] = sum += 1 / std::pow(k + 1, zipf_exponent);
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> any(0, sum);
    constexpr std::size_t distinct_requests = 1024;
    std::vector<bool> taken(static_cast<std::size_t>(queues));
    for (std::size_t r = 0; r < distinct_requests; ++r) {
        auto& request = requests.emplace_back();
        while (request.size() < static_cast<std::size_t>(each)) {
            const auto at = std::lower_bound(below.begin(), below.end(), any(random)) - below.begin();
            const auto queue = static_cast<std::int32_t>(std::min<std::ptrdiff_t>(at, queues - 1));
            if (taken[static_cast<std::size_t>(queue)]) continue;
            taken[static_cast<std::size_t>(queue)] = true;
            request.push_back(queue);
        }
        for (const std::int32_t queue : request) taken[static_cast<std::size_t>(queue)] = false;
    }
    return requests;
}

}  // namespace imago::bench
