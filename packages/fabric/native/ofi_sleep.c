// Falling asleep over RDMA, blocked or on an event loop, and being woken.
#include "ofi.h"
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

int ofi_descriptor_of(struct fid* object) {
  int fd = -1;
  int error = fi_control(object, FI_GETWAIT, &fd);
  return error ? error : fd;
}

static int watch(connection* c, int operation, int fd) {
  struct epoll_event event = {.events = EPOLLIN};
  if (fd < 0) return fd;
  return epoll_ctl(c->epoll, operation, fd, &event) < 0 ? -errno : 0;
}

int ofi_watch_events(connection* c) {
  int error = watch(c, EPOLL_CTL_ADD, ofi_descriptor_of(&c->eq->fid));
  return error ? error : watch(c, EPOLL_CTL_ADD, c->interrupt_event);
}

// Sets whether arrivals make the epoll descriptor readable.
static int set_rings(connection* c, bool rings) {
  if (c->rings == rings) return 0;
  int error = watch(c, rings ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, ofi_descriptor_of(&c->cq->fid));
  if (!error) c->rings = rings;
  return error;
}

static int try_wait(connection* c) {
  struct fid* both[] = {&c->cq->fid, &c->eq->fid};
  return fi_trywait(c->fabric, both, 2);
}

// (connection, milliseconds, negative for ever): blocks until there may be something. 0, -ETIMEDOUT or an error.
napi_value ofiWait(napi_env env, napi_callback_info info) {
  ARGS(2);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  double ms = double_of(env, arg[1]);
  struct timespec timeout = timespec_of(ms);
  ofi_read_events(c);
  if (c->lost || try_wait(c) != 0) return number(env, 0);
  struct pollfd list[] = {
      {.fd = ofi_descriptor_of(&c->eq->fid), .events = POLLIN},
      {.fd = ofi_descriptor_of(&c->cq->fid), .events = POLLIN},
      {.fd = c->interrupt_event, .events = POLLIN},
  };
  return number(env, ppoll(list, 3, ms < 0 ? NULL : &timeout, NULL) == 0 ? -ETIMEDOUT : 0);
}

// (connection) → 0 when the descriptor will become readable with the next arrival, -EAGAIN when the caller must poll
// again, or another error.
napi_value ofiArm(napi_env env, napi_callback_info info) {
  ARGS(1);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  ofi_read_events(c);
  if (c->lost) return number(env, -FI_ENOTCONN);
  int error = try_wait(c);
  return number(env, error ? error : set_rings(c, true));
}

// (connection): arrivals no longer make the descriptor readable, which each of them would pay for.
napi_value ofiDisarm(napi_env env, napi_callback_info info) {
  ARGS(1);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  return number(env, c ? set_rings(c, false) : -EBADF);
}

// (connection): callable from any thread; sets the word after the batch and ends the sleep.
napi_value ofiInterrupt(napi_env env, napi_callback_info info) {
  ARGS(1);
  pthread_mutex_lock(&ofi_connections.lock);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  if (c) {
    __atomic_store_n((uint32_t*)c->batch->data + BATCH, 1, __ATOMIC_SEQ_CST);
    eventfd_write(c->interrupt_event, 1);
  }
  pthread_mutex_unlock(&ofi_connections.lock);
  return number(env, c ? 0 : -EBADF);
}

// (connection): clears the interrupt.
napi_value ofiTakeInterrupt(napi_env env, napi_callback_info info) {
  ARGS(1);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  eventfd_t count;
  // An interrupt is a word and an event; under the lock both are cleared, or neither.
  pthread_mutex_lock(&ofi_connections.lock);
  eventfd_read(c->interrupt_event, &count);
  __atomic_store_n((uint32_t*)c->batch->data + BATCH, 0, __ATOMIC_SEQ_CST);
  pthread_mutex_unlock(&ofi_connections.lock);
  return number(env, 0);
}
