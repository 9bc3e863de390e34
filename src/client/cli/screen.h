// A terminal that a command has for itself for a while.
#pragma once

#include <termios.h>

#include <string>
#include <vector>

#include "client/cli/top_view.h"

namespace imago::client::cli {

/// Shows a screen of its own while it lives, and gives the terminal back as it was: when it is destroyed, in leave(),
/// and if the program dies of SIGABRT, SIGSEGV or SIGBUS. One at a time; one thread.
class screen {
public:
    screen();
    ~screen();
    screen(const screen&) = delete;
    screen& operator=(const screen&) = delete;

    /// False: there is no terminal to read keys from.
    [[nodiscard]] bool ready() const { return keys_ >= 0; }
    /// Keys are read from here; reading never blocks.
    [[nodiscard]] int keys() const { return keys_; }
    void enter();
    void leave();
    [[nodiscard]] int columns() const;
    [[nodiscard]] int rows() const;
    /// Replaces what is shown, in one write.
    void show(const std::vector<top_line>& lines);

private:
    int keys_ = -1;
    bool inside_ = false;
    termios before_{};
};

}  // namespace imago::client::cli
