// TCP between two programs of one machine.
#pragma once

namespace imago {

/// For a connected TCP socket, of either end; does nothing unless the peer is on this machine. A congestion control that paces what it
/// sends (BBR, where an administrator chose it for the network) sets a timer for each burst, which between two ends of one machine only
/// costs: sending from memory took half as much processor time again. So these sockets get Reno, which every kernel has and any process
/// may choose; there is no congestion for it to control. What cannot be set stays as it was.
void tune_if_local(int socket) noexcept;

}  // namespace imago
