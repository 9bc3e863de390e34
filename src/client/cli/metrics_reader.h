// What a server tells of itself at GET /metrics.
#pragma once

#include <asio/awaitable.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/connection.h"
#include "imago/result.h"

namespace imago::client::cli {

/// Samples of Prometheus' text format, by name and labels as they stood there.
class metrics {
public:
    /// Lines that are no samples are left out.
    [[nodiscard]] static metrics parse(std::string_view text);

    [[nodiscard]] bool empty() const { return samples_.empty(); }
    /// The sample of that name, with any labels; 0 if there is none. The sum if there are several.
    [[nodiscard]] double sum(std::string_view name) const;
    [[nodiscard]] double with(std::string_view name, std::string_view label, std::string_view value) const;
    /// The value of a label of the first sample of that name.
    [[nodiscard]] std::string label(std::string_view name, std::string_view label) const;

    struct bucket {
        double bound = 0;  ///< infinity for the last
        double count = 0;  ///< of this one and all before it
    };
    /// By bound, ascending.
    [[nodiscard]] std::vector<bucket> histogram(std::string_view name) const;

private:
    struct sample {
        std::string labels;  ///< without braces
        double value = 0;
    };
    std::multimap<std::string, sample, std::less<>> samples_;
};

/// The value below which the share `q` of what was counted between two histograms lies, within a bucket in
/// proportion; none if nothing was counted or they do not fit each other.
[[nodiscard]] std::optional<double> quantile(const std::vector<metrics::bucket>& before,
                                             const std::vector<metrics::bucket>& after, double q);

/// GET http://WHERE/metrics, answered within `patience`.
[[nodiscard]] asio::awaitable<result<metrics>> read_metrics(endpoint where, milliseconds patience);

}  // namespace imago::client::cli
