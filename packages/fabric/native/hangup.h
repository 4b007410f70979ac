// Tells that a peer is gone, independently of the thread that uses the connection, which may be busy for a long time.
#pragma once
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

// Returns a descriptor that becomes readable when `fd` has one of `events`, an error or a hang-up; or -errno. It holds
// no reference to what `fd` refers to: closing `fd` still ends the connection, and then this descriptor stays
// unreadable.
static inline int hangup_descriptor(int fd, uint32_t events) {
  struct epoll_event event = {.events = events};
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return -errno;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) return epoll;
  int error = errno;
  close(epoll);
  return -error;
}
