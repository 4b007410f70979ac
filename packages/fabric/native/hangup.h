// Tells that a peer is gone, beside the thread that uses the connection: that one may be busy for a long time.
#pragma once
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

// A descriptor that becomes readable when `fd` has one of these events, or an error or a hang-up; -errno. It holds no
// reference to what `fd` refers to: whoever closes `fd` still ends the connection, and then this stays unreadable.
static inline int hangup_descriptor(int fd, uint32_t events) {
  struct epoll_event event = {.events = events};
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return -errno;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) return epoll;
  int error = errno;
  close(epoll);
  return -error;
}
