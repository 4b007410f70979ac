// Tells that a peer is gone while the thread that uses the connection is busy.
#include "hangup.h"
#include "ofi.h"

// (connection) → a descriptor that becomes readable when the peer is gone, or -errno; the caller closes it. Must be
// called before the connection is attached, because only one thread at a time may use a provider's objects.
napi_value ofiPeer(napi_env env, napi_callback_info info) {
  ARGS(1);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  if (!c || c->attached) return number(env, -EBADF);
  // The end of a connection is an event, the only one that comes once the connection is established.
  int fd = ofi_descriptor_of(&c->eq->fid);
  return number(env, fd < 0 ? fd : hangup_descriptor(fd, EPOLLIN));
}
