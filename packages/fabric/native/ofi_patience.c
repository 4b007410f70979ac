// Bounds how long an unknown peer may block us. libfabric's tcp provider reads the first data of a connecting peer from
// a blocking socket: a peer that sends half of it and stays would block the listening thread for ever.
#include "ofi.h"
#include <dirent.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

// An honest peer sends all of it at once, so only a stall of its machine or of the network can delay the rest.
enum { GREETING_MS_MAX = 250 };

static bool listens_at(int fd, const struct sockaddr* name, socklen_t name_bytes) {
  struct sockaddr_storage own;
  socklen_t own_bytes = sizeof own;
  int listens = 0;
  socklen_t listens_bytes = sizeof listens;
  return getsockname(fd, (struct sockaddr*)&own, &own_bytes) == 0 && own_bytes == name_bytes &&
         memcmp(&own, name, name_bytes) == 0 &&
         getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_bytes) == 0 && listens;
}

void ofi_bound_greetings(const struct sockaddr* name, size_t name_bytes) {
  struct timeval timeout = {.tv_usec = GREETING_MS_MAX * 1000};
  // libfabric does not say which of our descriptors is its socket.
  DIR* descriptors = opendir("/proc/self/fd");
  if (!descriptors) return;
  for (struct dirent* each; (each = readdir(descriptors));) {
    int fd = atoi(each->d_name);
    if (fd <= 0 || !listens_at(fd, name, (socklen_t)name_bytes)) continue;
    // Accepted sockets inherit the timeout. It has no effect on non-blocking sockets, such as those of connections.
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    break;
  }
  closedir(descriptors);
}
