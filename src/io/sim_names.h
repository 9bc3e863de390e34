// The names on the simulated disk, and which of them a crash loses.
//
// Files have one name each. A create, rename or remove is seen at once and durable after a sync of its
// directory. Changes that touch the same name or the same file happen in order, as in a journal: a crash
// keeps the first few of them, by itself for each such group. So a rename leaves the old name or the new one,
// never both and never none, and what a lost rename would have replaced is still there.
#pragma once

#include "io/sim_file.h"
#include "io/sim_random.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace imago::io {

using sim_content_ptr = std::shared_ptr<sim_content>;

class sim_names {
public:
    using map = std::map<std::string, sim_content_ptr, std::less<>>;

    [[nodiscard]] sim_content_ptr find(std::string_view name) const;
    [[nodiscard]] const map& files() const { return names_; }
    [[nodiscard]] bool has_directory(std::string_view path) const;
    void make_directories(std::string_view path);
    [[nodiscard]] std::vector<std::string> list(std::string_view directory) const;

    void create(std::string_view name, sim_content_ptr content);
    void rename(std::string_view from, std::string_view to);
    void remove(std::string_view name);
    void sync_directory(std::string_view directory);

    void crash(sim_random& random);
    void clear();

private:
    struct change {
        std::string from;  // empty: a create
        std::string to;    // empty: a remove
        sim_content_ptr content;
    };
    void make_durable(const change& done);

    map names_;
    map durable_;
    std::vector<change> changes_;
    std::set<std::string, std::less<>> directories_;
};

/// The folder of a path.
[[nodiscard]] std::string_view sim_parent(std::string_view path);

}  // namespace imago::io
