// The life cycle of a connection over TCP: opened, attached, closed.
#include "tcp.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

table tcp_connections = TABLE_INIT;

static _Thread_local tcp_bell* own_bell;

// Adds a user of the thread's bell, which is created when there is none yet. NULL with errno set on failure.
static tcp_bell* bell_acquire(void) {
  if (!own_bell) {
    int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (event < 0) return NULL;
    own_bell = calloc(1, sizeof *own_bell);
    if (!own_bell) {
      close(event);
      errno = ENOMEM;
      return NULL;
    }
    own_bell->event = event;
  }
  own_bell->users++;
  return own_bell;
}

static void bell_release(void) {
  if (--own_bell->users > 0) return;
  close(own_bell->event);
  free(own_bell);
  own_bell = NULL;
}

// Nobody can find the connection any more.
static void connection_free(tcp_connection* c) {
  // The progress thread may still be at it.
  pthread_mutex_lock(&c->lock);
  if (c->queue) tcp_flush(c);
  tcp_progress_stop(c);
  pthread_mutex_unlock(&c->lock);
  pthread_mutex_destroy(&c->lock);
  close(c->socket);
  if (c->bell) bell_release();
  if (c->outbound) block_release(c->outbound);
  if (c->inbound) block_release(c->inbound);
  if (c->outbound_spare) block_release(c->outbound_spare);
  if (c->inbound_spare) block_release(c->inbound_spare);
  if (c->batch) block_release(c->batch);
  free(c->queue);
  free(c->staged);
  free(c);
}

// Frees the connection of a thread that ends without closing it: the peer must see the connection end.
static void on_thread_end(void* c) {
  table_remove(&tcp_connections, ((tcp_connection*)c)->id);
  connection_free(c);
}

// (connected socket, outbound bytes, inbound bytes, depth, bytes of spare room) → number of the connection, or -errno. Takes ownership of the
// socket, even when it fails.
napi_value tcpOpen(napi_env env, napi_callback_info info) {
  ARGS(5);
  tcp_connection* c = calloc(1, sizeof *c);
  if (!c) abort();
  pthread_mutex_init(&c->lock, NULL);
  int yes = 1;
  c->socket = (int)int_of(env, arg[0]);
  c->depth = (uint32_t)int_of(env, arg[3]);
  c->spare_bytes = (size_t)int_of(env, arg[4]);
  errno = ENOMEM;
  c->queue = calloc(c->depth, sizeof *c->queue);
  c->staged = malloc(TCP_STAGED_BYTES);
  bool is_open = c->queue && c->staged && (c->outbound = block_map(-1, 0, (size_t)int_of(env, arg[1]))) &&
                 (c->inbound = block_map(-1, 0, (size_t)int_of(env, arg[2]))) &&
                 (c->batch = block_map(-1, 0, (TCP_BATCH + 1) * sizeof(uint32_t))) &&
                 // A message leaves at once, also while the peer has not confirmed the one before.
                 setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0;
  int error = is_open ? 0 : -errno;
  if (!error) c->id = table_add(&tcp_connections, c);
  if (c->id) return number(env, c->id);
  connection_free(c);
  return number(env, error ? error : -ENOMEM);
}

// (connection) → 0; -EBADF when it is closed or was attached before; another -errno, and then it is closed. From now on
// it belongs to the calling thread and ends with it.
napi_value tcpAttach(napi_env env, napi_callback_info info) {
  ARGS(1);
  int64_t id = int_of(env, arg[0]);
  int error = 0;
  pthread_mutex_lock(&tcp_connections.lock);
  tcp_connection* c = table_get(&tcp_connections, id);
  if (!c || c->bell) error = -EBADF;
  else if (!(c->bell = bell_acquire())) error = -errno;
  pthread_mutex_unlock(&tcp_connections.lock);
  if (!error) {
    napi_add_env_cleanup_hook(env, on_thread_end, c);
  } else if (error != -EBADF) {
    table_remove(&tcp_connections, id);
    connection_free(c);
  }
  return number(env, error);
}

// (connection) → ArrayBuffer or null.
BUFFER_OF(tcpOutbound, tcp_connection, tcp_connections, outbound)
BUFFER_OF(tcpInbound, tcp_connection, tcp_connections, inbound)
BUFFER_OF(tcpBatch, tcp_connection, tcp_connections, batch)

uint8_t* tcp_place(const block* window, block** spare, size_t spare_bytes, size_t offset, size_t bytes) {
  if (offset + bytes <= window->bytes) return (uint8_t*)window->data + offset;
  if (offset < window->bytes || offset - window->bytes + bytes > spare_bytes) return NULL;
  if (!*spare) *spare = block_reserve(spare_bytes);
  return *spare ? (uint8_t*)(*spare)->data + (offset - window->bytes) : NULL;
}

static napi_value show_spare(napi_env env, tcp_connection* c, block** spare) {
  if (!c || c->spare_bytes == 0) return null_value(env);
  // The progress thread may be the first to receive into it.
  pthread_mutex_lock(&c->lock);
  if (!*spare) *spare = block_reserve(c->spare_bytes);
  block* shown = *spare;
  pthread_mutex_unlock(&c->lock);
  return shown ? block_buffer(env, shown) : null_value(env);
}

// (connection) → ArrayBuffer, or null when there is no spare room or it cannot be mapped.
napi_value tcpOutboundSpare(napi_env env, napi_callback_info info) {
  ARGS(1);
  tcp_connection* c = table_get(&tcp_connections, int_of(env, arg[0]));
  return show_spare(env, c, c ? &c->outbound_spare : NULL);
}

napi_value tcpInboundSpare(napi_env env, napi_callback_info info) {
  ARGS(1);
  tcp_connection* c = table_get(&tcp_connections, int_of(env, arg[0]));
  return show_spare(env, c, c ? &c->inbound_spare : NULL);
}

// (connection): only for the thread that attached it, or while it is not attached. Sends what is held back, as far as the
// socket has room; then the peer sees the socket end.
napi_value tcpClose(napi_env env, napi_callback_info info) {
  ARGS(1);
  tcp_connection* c = table_remove(&tcp_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  if (c->bell) napi_remove_env_cleanup_hook(env, on_thread_end, c);
  connection_free(c);
  return number(env, 0);
}
