#include "io/sim_names.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

namespace imago::io {
namespace {

std::string_view trimmed(std::string_view path) {
    while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
    return path;
}

}  // namespace

std::string_view sim_parent(std::string_view path) {
    const auto slash = path.find_last_of('/');
    if (slash == std::string_view::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

sim_content_ptr sim_names::find(std::string_view name) const {
    const auto found = names_.find(name);
    return found != names_.end() ? found->second : nullptr;
}

bool sim_names::has_directory(std::string_view path) const {
    path = trimmed(path);
    return path == "/" || path == "." || directories_.contains(path);
}

void sim_names::make_directories(std::string_view path) {
    for (path = trimmed(path); !has_directory(path); path = sim_parent(path)) directories_.emplace(path);
}

std::vector<std::string> sim_names::list(std::string_view directory) const {
    directory = trimmed(directory);
    const std::string prefix = directory == "/" ? "/" : directory == "." ? "" : std::string(directory) + "/";
    std::vector<std::string> found;
    for (auto each = names_.lower_bound(prefix); each != names_.end() && each->first.starts_with(prefix);
         ++each)
        if (each->first.find('/', prefix.size()) == std::string::npos)
            found.push_back(each->first.substr(prefix.size()));
    return found;
}

void sim_names::create(std::string_view name, sim_content_ptr content) {
    names_.insert_or_assign(std::string(name), content);
    changes_.push_back({"", std::string(name), std::move(content)});
}

void sim_names::rename(std::string_view from, std::string_view to) {
    if (from == to) return;
    const auto found = names_.find(from);
    auto content = std::move(found->second);
    names_.erase(found);
    names_.insert_or_assign(std::string(to), content);
    changes_.push_back({std::string(from), std::string(to), std::move(content)});
}

void sim_names::remove(std::string_view name) {
    const auto found = names_.find(name);
    if (found == names_.end()) return;
    changes_.push_back({std::string(name), "", std::move(found->second)});
    names_.erase(found);
}

void sim_names::make_durable(const change& done) {
    if (!done.from.empty()) {
        const auto found = durable_.find(done.from);
        if (found != durable_.end() && found->second == done.content) durable_.erase(found);
    }
    if (!done.to.empty()) durable_.insert_or_assign(done.to, done.content);
}

void sim_names::sync_directory(std::string_view directory) {
    directory = trimmed(directory);
    // The changes of this directory, and those before them that they build on: no others, so that a forgotten
    // sync of another directory shows.
    std::set<std::string_view> names;
    std::set<const sim_content*> contents;
    std::vector<bool> taken(changes_.size());
    for (std::size_t i = changes_.size(); i-- > 0;) {
        const change& each = changes_[i];
        const bool here = (!each.from.empty() && sim_parent(each.from) == directory) ||
                          (!each.to.empty() && sim_parent(each.to) == directory);
        if (!here && !contents.contains(each.content.get()) && !names.contains(each.from) &&
            !names.contains(each.to))
            continue;
        taken[i] = true;
        contents.insert(each.content.get());
        for (const std::string* name : {&each.from, &each.to})
            if (!name->empty()) names.insert(*name);
    }
    for (std::size_t i = 0; i < changes_.size(); ++i)
        if (taken[i]) make_durable(changes_[i]);
    std::size_t index = 0;
    std::erase_if(changes_, [&](const change&) { return taken[index++]; });
}

void sim_names::crash(sim_random& random) {
    if (changes_.empty()) return;
    // Groups of changes that share a name or a file.
    std::vector<std::size_t> group(changes_.size());
    std::iota(group.begin(), group.end(), std::size_t{0});
    const auto root = [&](std::size_t i) {
        while (group[i] != i) i = group[i];
        return i;
    };
    std::unordered_map<std::string_view, std::size_t> by_name;
    std::unordered_map<const sim_content*, std::size_t> by_content;
    for (std::size_t i = 0; i < changes_.size(); ++i) {
        const change& each = changes_[i];
        group[root(by_content.try_emplace(each.content.get(), i).first->second)] = i;
        if (!each.from.empty()) group[root(by_name.try_emplace(each.from, i).first->second)] = i;
        if (!each.to.empty()) group[root(by_name.try_emplace(each.to, i).first->second)] = i;
    }
    std::vector<std::size_t> size(changes_.size(), 0);
    for (std::size_t i = 0; i < changes_.size(); ++i) ++size[root(i)];
    for (auto& each : size)
        if (each > 0) each = random.below(each + 1);  // now: how many of the group are kept
    for (std::size_t i = 0; i < changes_.size(); ++i) {
        std::size_t& left = size[root(i)];
        if (left == 0) continue;
        --left;
        make_durable(changes_[i]);
    }
    // Only names in the changes can differ now.
    for (const change& each : changes_) {
        for (const std::string* name : {&each.from, &each.to}) {
            if (name->empty()) continue;
            const auto found = durable_.find(*name);
            if (found != durable_.end()) {
                names_.insert_or_assign(*name, found->second);
            } else {
                names_.erase(*name);
            }
        }
    }
    changes_.clear();
}

void sim_names::clear() {
    names_.clear();
    durable_.clear();
    changes_.clear();
    directories_.clear();
}

}  // namespace imago::io
