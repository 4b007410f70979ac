// Falling asleep over TCP, blocked or on an event loop, and being woken.
#include "tcp.h"
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

static uint32_t* interrupted(block* batch) { return (uint32_t*)batch->data + TCP_BATCH; }

// Says how the owner sleeps, unless immediates are there, which the progress thread may have received since the last
// poll. From then on it receives nothing, so that the socket wakes the owner.
static void fall_asleep(tcp_connection* c, tcp_owner how, bool* needs_room, bool* has_arrived) {
  pthread_mutex_lock(&c->lock);
  if (c->is_watched) tcp_progress_stop(c);
  tcp_flush(c);
  *needs_room = c->queued > 0;
  *has_arrived = c->held_count > 0 || c->ended;
  if (!*has_arrived) c->owner = how;
  // A busy event loop does not notice that the socket has room.
  if (how == TCP_ARMED && c->queued > 0) tcp_progress_later(c);
  pthread_mutex_unlock(&c->lock);
}

// (connection, milliseconds, negative for ever): blocks until there may be something. 0, -ETIMEDOUT or an error.
napi_value tcpWait(napi_env env, napi_callback_info info) {
  ARGS(2);
  tcp_connection* c = table_get(&tcp_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  double ms = double_of(env, arg[1]);
  struct timespec timeout = timespec_of(ms);
  bool needs_room, has_arrived;
  fall_asleep(c, TCP_BLOCKED, &needs_room, &has_arrived);
  if (has_arrived) return number(env, 0);
  struct pollfd list[] = {
      {.fd = c->socket, .events = needs_room ? POLLIN | POLLOUT : POLLIN},
      {.fd = c->bell->event, .events = POLLIN},
  };
  int count = ppoll(list, 2, ms < 0 ? NULL : &timeout, NULL);
  eventfd_t rings;
  // Whose interrupt it is, the words of the connections tell.
  if (count > 0 && list[1].revents) eventfd_read(c->bell->event, &rings);
  return number(env, count == 0 ? -ETIMEDOUT : 0);
}

// (connection) → 1 when the sleep must also end when the socket has room, 0 when not; -EAGAIN when something has arrived.
napi_value tcpArm(napi_env env, napi_callback_info info) {
  ARGS(1);
  tcp_connection* c = table_get(&tcp_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  bool needs_room, has_arrived;
  fall_asleep(c, TCP_ARMED, &needs_room, &has_arrived);
  return number(env, has_arrived ? -EAGAIN : needs_room);
}

static void set_waker(int64_t id, waker* w) {
  pthread_mutex_lock(&tcp_connections.lock);
  tcp_connection* c = table_get(&tcp_connections, id);
  if (c) c->waker = w;
  pthread_mutex_unlock(&tcp_connections.lock);
}

static bool is_interrupted(block* batch) { return __atomic_load_n(interrupted(batch), __ATOMIC_SEQ_CST) != 0; }

static const interruptible TCP = {set_waker, is_interrupted};

// (connection, callback) → number of a watch (watch.c) that calls back when something arrives, when the peer is gone, or
// when we are interrupted; or -errno. Only for the thread that attached the connection, which must stop the watch before
// it closes the connection.
napi_value tcpWatch(napi_env env, napi_callback_info info) {
  ARGS(2);
  tcp_connection* c = table_get(&tcp_connections, int_of(env, arg[0]));
  return number(env, c ? watch_start(env, c->socket, arg[1], &TCP, c->id, c->batch) : -EBADF);
}

// (connection): callable from any thread; sets the word after the batch and ends the sleep.
napi_value tcpInterrupt(napi_env env, napi_callback_info info) {
  ARGS(1);
  pthread_mutex_lock(&tcp_connections.lock);
  tcp_connection* c = table_get(&tcp_connections, int_of(env, arg[0]));
  if (c) {
    __atomic_store_n(interrupted(c->batch), 1, __ATOMIC_SEQ_CST);
    if (c->bell) eventfd_write(c->bell->event, 1);
    if (c->waker) waker_send(c->waker);
  }
  pthread_mutex_unlock(&tcp_connections.lock);
  return number(env, c ? 0 : -EBADF);
}

// (connection): clears the interrupt.
napi_value tcpTakeInterrupt(napi_env env, napi_callback_info info) {
  ARGS(1);
  tcp_connection* c = table_get(&tcp_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  __atomic_store_n(interrupted(c->batch), 0, __ATOMIC_SEQ_CST);
  return number(env, 0);
}

// (connection) → 1 when the peer has closed the connection or is gone, else 0; -EBADF when the connection is closed.
// Callable from any thread, also while the thread that attached the connection computes.
napi_value tcpEnded(napi_env env, napi_callback_info info) {
  ARGS(1);
  int result = -EBADF;
  pthread_mutex_lock(&tcp_connections.lock);
  tcp_connection* c = table_get(&tcp_connections, int_of(env, arg[0]));
  if (c) {
    struct pollfd socket = {.fd = c->socket, .events = POLLRDHUP};
    result = poll(&socket, 1, 0) > 0;
  }
  pthread_mutex_unlock(&tcp_connections.lock);
  return number(env, result);
}
