// Tells that a peer is gone while the thread that uses the connection is busy.
#include "hangup.h"
#include "ofi.h"
#include <sys/socket.h>

// The TCP socket that the completion queue waits for, or -1 where the provider does not list one.
static int socket_of(connection* c) {
  struct pollfd list[SLEEP_FDS];
  struct fi_wait_pollfd waits = {.nfds = SLEEP_FDS, .fd = list};
  struct fid* queues[] = {&c->cq->fid, &c->eq->fid};
  // fi_trywait brings the list up to date; whether there is something to read does not matter here.
  fi_trywait(c->fabric, queues, 2);
  if (!c->lists_waits || fi_control(&c->cq->fid, FI_GETWAIT, &waits) != 0) return -1;
  for (int i = 0; i < (int)waits.nfds; i++) {
    int family = 0;
    socklen_t bytes = sizeof family;
    if (getsockopt(list[i].fd, SOL_SOCKET, SO_DOMAIN, &family, &bytes) != 0) continue;
    if (family == AF_INET || family == AF_INET6) return list[i].fd;
  }
  return -1;
}

// (connection) → a descriptor that becomes readable when the peer is gone, or -errno; the caller closes it. Must be
// called before the connection is attached, because only one thread at a time may use a provider's objects.
napi_value ofiPeer(napi_env env, napi_callback_info info) {
  ARGS(1);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  if (!c || c->attached) return number(env, -EBADF);
  int fd = socket_of(c);
  if (fd >= 0) return number(env, hangup_descriptor(fd, EPOLLRDHUP));
  // Over verbs the end of a connection is an event, the only one that comes once the connection is established.
  fd = ofi_descriptor_of(&c->eq->fid);
  return number(env, fd < 0 ? fd : hangup_descriptor(fd, EPOLLIN));
}
