// The life cycle of a connection: created, established, freed.
#include "ofi.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

static int register_window(connection* c, block* window, uint64_t access, struct fid_mr** mr) {
  uint64_t key = 0;
  // When the provider does not choose the key, ours must be impossible to guess.
  if (!(c->info->domain_attr->mr_mode & FI_MR_PROV_KEY)) {
    size_t bytes = c->info->domain_attr->mr_key_size < sizeof key ? c->info->domain_attr->mr_key_size : sizeof key;
    if (getrandom(&key, bytes, 0) != (ssize_t)bytes) return -errno;
  }
  return fi_mr_reg(c->domain, window->data, window->bytes, access, 0, key, 0, mr, NULL);
}

connection* ofi_connection_new(struct fid_fabric* fabric, struct fi_info* info, int64_t outbound_bytes,
                               int64_t inbound_bytes, int64_t depth, int* error) {
  connection* c = calloc(1, sizeof *c);
  if (!c) {
    *error = -FI_ENOMEM;
    return NULL;
  }
  c->fabric = fabric;
  c->info = info;
  c->posts_receives = info->mode & FI_RX_CQ_DATA;
  c->epoll = epoll_create1(EPOLL_CLOEXEC);
  c->interrupt_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  c->outbound = block_map(-1, 0, (size_t)outbound_bytes);
  c->inbound = block_map(-1, 0, (size_t)inbound_bytes);
  c->batch = block_map(-1, 0, (BATCH + 1) * sizeof(uint32_t));
  *error = c->epoll < 0 || c->interrupt_event < 0 || !c->outbound || !c->inbound || !c->batch ? -errno : 0;
  // Consumed receives are posted again in batches, so this many extra ones are needed for `depth` immediates to find a
  // receive at any time.
  int64_t receives = depth + RECEIVES_OWED_MAX;
  if (c->posts_receives) {
    // These are hardware queues, and the completion queue must hold all that they can: make them no larger than needed.
    info->rx_attr->size = (size_t)receives;
    if (info->tx_attr->size < (size_t)depth) info->tx_attr->size = (size_t)depth;
  }
  struct fi_eq_attr eq_attr = {.size = 16, .wait_obj = FI_WAIT_FD};
  // Every write takes an entry of the completion queue until it is read, even a write that asks for no completion.
  struct fi_cq_attr cq_attr = {
      .format = FI_CQ_FORMAT_DATA, .wait_obj = FI_WAIT_FD, .size = info->tx_attr->size + (size_t)receives};
  if (!*error) *error = fi_domain(fabric, info, &c->domain, NULL);
  if (!*error) *error = fi_eq_open(fabric, &eq_attr, &c->eq, NULL);
  if (!*error) *error = fi_cq_open(c->domain, &cq_attr, &c->cq, NULL);
  if (!*error) *error = register_window(c, c->outbound, FI_WRITE, &c->outbound_mr);
  if (!*error) *error = register_window(c, c->inbound, FI_REMOTE_WRITE, &c->inbound_mr);
  // After everything that takes descriptors and memory: a failure before this point can be retried with the same
  // request.
  if (!*error) *error = fi_endpoint(c->domain, info, &c->ep, NULL);
  if (!*error) info->handle = NULL; // the endpoint owns it now
  if (!*error) *error = fi_ep_bind(c->ep, &c->eq->fid, 0);
  // Writes complete silently, except that of ofiFinish, which asks for a completion; what arrives always completes.
  if (!*error) *error = fi_ep_bind(c->ep, &c->cq->fid, FI_TRANSMIT | FI_RECV | FI_SELECTIVE_COMPLETION);
  if (!*error) *error = fi_enable(c->ep);
  c->is_enabled = !*error;
  if (!*error && c->posts_receives) *error = ofi_post_receives(c, receives);
  if (!*error) *error = ofi_watch_events(c);
  if (!*error) return c;
  c->info = NULL;
  ofi_connection_free(c);
  return NULL;
}

void ofi_connection_free(connection* c) {
  // An endpoint that has no queues yet must not be shut down.
  if (c->is_enabled) fi_shutdown(c->ep, 0);
  if (c->ep) fi_close(&c->ep->fid);
  if (c->outbound_mr) fi_close(&c->outbound_mr->fid);
  if (c->inbound_mr) fi_close(&c->inbound_mr->fid);
  if (c->cq) fi_close(&c->cq->fid);
  if (c->eq) fi_close(&c->eq->fid);
  if (c->domain) fi_close(&c->domain->fid);
  if (c->info) fi_freeinfo(c->info);
  if (c->epoll >= 0) close(c->epoll);
  if (c->interrupt_event >= 0) close(c->interrupt_event);
  if (c->outbound) block_release(c->outbound);
  if (c->inbound) block_release(c->inbound);
  if (c->batch) block_release(c->batch);
  free(c);
}

remote_window ofi_own_window(connection* c) {
  bool by_address = c->info->domain_attr->mr_mode & FI_MR_VIRT_ADDR;
  return (remote_window){.base = by_address ? (uint64_t)(uintptr_t)c->inbound->data : 0, .key = fi_mr_key(c->inbound_mr)};
}

// (host, port, greeting, outbound bytes, inbound bytes, depth) → number of the connection, to be established.
napi_value ofiConnect(napi_env env, napi_callback_info info) {
  ARGS(6);
  char host[128], port[16];
  int error;
  string_of(env, arg[0], host, sizeof host);
  string_of(env, arg[1], port, sizeof port);
  span greeting = span_of(env, arg[2]);
  if (greeting.bytes != GREETING_BYTES) return number(env, -FI_EINVAL);
  struct fi_info* to = ofi_info(host, port, 0, &error);
  if (!to) return number(env, error);
  struct fid_fabric* fabric = ofi_fabric(to, &error);
  if (!fabric) {
    fi_freeinfo(to);
    return number(env, error);
  }
  connection* c = ofi_connection_new(fabric, to, int_of(env, arg[3]), int_of(env, arg[4]), int_of(env, arg[5]), &error);
  if (!c) {
    fi_freeinfo(to);
    return number(env, error);
  }
  connect_data said = {.inbound = ofi_own_window(c)};
  memcpy(said.greeting, greeting.data, GREETING_BYTES);
  error = fi_connect(c->ep, to->dest_addr, &said, sizeof said);
  c->id = error ? 0 : table_add(&ofi_connections, c);
  if (c->id == 0) {
    ofi_connection_free(c);
    return number(env, error ? error : -FI_ENOMEM);
  }
  return number(env, c->id);
}

// (connection) → 0 when it is established, -EAGAIN when not yet, -EACCES when the listener turned us away, else the
// error for which it never will be.
napi_value ofiEstablish(napi_env env, napi_callback_info info) {
  ARGS(1);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  union {
    struct fi_eq_cm_entry entry;
    uint8_t space[sizeof(struct fi_eq_cm_entry) + 256];
  } event;
  uint32_t kind;
  if (!c) return number(env, -FI_EINVAL);
  ssize_t got = fi_eq_read(c->eq, &kind, &event, sizeof event, 0);
  if (got == -FI_EAVAIL) {
    struct fi_eq_err_entry failure = {0};
    fi_eq_readerr(c->eq, &failure, 0);
    if (failure.err == FI_ECONNREFUSED && failure.err_data_size > 0) return number(env, -FI_EACCES);
    return number(env, failure.err ? -failure.err : -FI_ECONNREFUSED);
  }
  if (got < 0) return number(env, got);
  if (kind != FI_CONNECTED) return number(env, -FI_ECONNREFUSED);
  // The accepting side sends its window with this event; the connecting side's came with the request.
  if ((size_t)got >= sizeof event.entry + sizeof c->remote) memcpy(&c->remote, event.entry.data, sizeof c->remote);
  return number(env, c->remote.base || c->remote.key ? 0 : -FI_ECONNREFUSED);
}

// Frees the connection of a thread that ends without closing it: the peer must see the connection end.
static void on_thread_end(void* c) {
  table_remove(&ofi_connections, ((connection*)c)->id);
  ofi_connection_free(c);
}

// (connection) → 0, or -EBADF when it is closed or was attached before. From now on it belongs to the calling thread
// and ends with it.
napi_value ofiAttach(napi_env env, napi_callback_info info) {
  ARGS(1);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  if (!c || atomic_exchange(&c->attached, true)) return number(env, -EBADF);
  napi_add_env_cleanup_hook(env, on_thread_end, c);
  return number(env, 0);
}

// (connection) → a descriptor that is readable when there may be something. Not to be closed.
napi_value ofiDescriptor(napi_env env, napi_callback_info info) {
  ARGS(1);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  return number(env, c ? c->epoll : -FI_EINVAL);
}

// (connection) → ArrayBuffer or null.
BUFFER_OF(ofiOutbound, connection, ofi_connections, outbound)
BUFFER_OF(ofiInbound, connection, ofi_connections, inbound)
BUFFER_OF(ofiBatch, connection, ofi_connections, batch)

// (connection): the peer sees a shutdown.
napi_value ofiClose(napi_env env, napi_callback_info info) {
  ARGS(1);
  connection* c = table_remove(&ofi_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  if (c->attached) napi_remove_env_cleanup_hook(env, on_thread_end, c);
  ofi_connection_free(c);
  return number(env, 0);
}
