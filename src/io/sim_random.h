// The dice of the simulated disk: small, fast, and the same on every machine for the same seed (SplitMix64).
#pragma once

#include <cstdint>

namespace imago::io {

class sim_random {
public:
    explicit sim_random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    /// 0 .. limit - 1; `limit` must not be 0.
    std::uint64_t below(std::uint64_t limit) { return next() % limit; }
    bool chance(double probability) {
        return probability > 0 && static_cast<double>(next() >> 11) * 0x1p-53 < probability;
    }

private:
    std::uint64_t state_;
};

}  // namespace imago::io
