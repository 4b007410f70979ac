// Falling asleep over libfabric, blocked or on an event loop, and being woken.
#include "ofi.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

int ofi_descriptor_of(struct fid* object) {
  int fd = -1;
  int error = fi_control(object, FI_GETWAIT, &fd);
  return error ? error : fd;
}

// A completion queue with a descriptor of its own (FI_WAIT_FD) slows polling even when nothing ever sleeps on it: over
// tcp it is an epoll set, which costs 0.9 µs of a round trip. A queue that lists its descriptors (FI_WAIT_POLLFD) costs
// nothing until we sleep.
int ofi_open_queue(connection* c, size_t size) {
  struct fi_cq_attr attr = {.format = FI_CQ_FORMAT_DATA, .wait_obj = FI_WAIT_POLLFD, .size = size};
  c->lists_waits = true;
  if (fi_cq_open(c->domain, &attr, &c->cq, NULL) == 0) return 0;
  attr.wait_obj = FI_WAIT_FD;
  c->lists_waits = false;
  return fi_cq_open(c->domain, &attr, &c->cq, NULL);
}

// Whether `fd` is the socket pair on which a provider notifies itself of what it found. With FI_PROGRESS_MANUAL it
// finds things only in our own calls, and fi_trywait checks for them, so this descriptor adds nothing. As nothing waits
// inside the provider, nothing would empty it.
static bool is_own_bell(connection* c, int fd) {
  int family = 0;
  socklen_t bytes = sizeof family;
  return c->info->domain_attr->data_progress == FI_PROGRESS_MANUAL &&
         getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &bytes) == 0 && family == AF_UNIX;
}

// Fills `list` with what the connection sleeps on after fi_trywait; returns the number of descriptors, or an error. The
// list changes: a socket waits for room to write only while there is something left to write.
static int sleep_list(connection* c, struct pollfd* list) {
  int count = QUIET_FDS;
  list[0] = (struct pollfd){.fd = ofi_descriptor_of(&c->eq->fid), .events = POLLIN};
  list[1] = (struct pollfd){.fd = c->interrupt_event, .events = POLLIN};
  if (list[0].fd < 0) return list[0].fd;
  if (!c->lists_waits) {
    list[count] = (struct pollfd){.fd = ofi_descriptor_of(&c->cq->fid), .events = POLLIN};
    return list[count].fd < 0 ? list[count].fd : count + 1;
  }
  struct fi_wait_pollfd waits = {.nfds = SLEEP_FDS - QUIET_FDS, .fd = list + QUIET_FDS};
  int error = fi_control(&c->cq->fid, FI_GETWAIT, &waits);
  if (error) return error;
  for (int i = count; i < QUIET_FDS + (int)waits.nfds; i++) {
    if (!is_own_bell(c, list[i].fd)) list[count++] = list[i];
  }
  return count;
}

static int find(const struct pollfd* list, int count, int fd) {
  int i = 0;
  while (i < count && list[i].fd != fd) i++;
  return i;
}

// Makes the epoll set equal to the list.
static int watch(connection* c, const struct pollfd* list, int count) {
  for (int i = 0; i < c->watched_count; i++) {
    // A closed descriptor has left the set by itself.
    if (find(list, count, c->watched[i].fd) == count) epoll_ctl(c->epoll, EPOLL_CTL_DEL, c->watched[i].fd, NULL);
  }
  for (int i = 0; i < count; i++) {
    struct epoll_event event = {.events = (uint32_t)list[i].events};
    int known = find(c->watched, c->watched_count, list[i].fd);
    if (known < c->watched_count && c->watched[known].events == list[i].events) continue;
    int operation = known < c->watched_count ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(c->epoll, operation, list[i].fd, &event) < 0) return -errno;
  }
  for (int i = 0; i < count; i++) c->watched[i] = list[i];
  c->watched_count = count;
  return 0;
}

int ofi_watch_events(connection* c) {
  struct pollfd list[SLEEP_FDS];
  int count = sleep_list(c, list);
  return count < 0 ? count : watch(c, list, QUIET_FDS);
}

static int watch_all(connection* c) {
  struct pollfd list[SLEEP_FDS];
  int count = sleep_list(c, list);
  return count < 0 ? count : watch(c, list, count);
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
  struct timespec timeout = {.tv_sec = (time_t)(ms / 1000)};
  timeout.tv_nsec = (long)((ms - (double)timeout.tv_sec * 1000) * 1e6);
  struct pollfd list[SLEEP_FDS];
  ofi_read_events(c);
  if (c->lost || try_wait(c) != 0) return number(env, 0);
  int count = sleep_list(c, list);
  if (count < 0) return number(env, count);
  return number(env, ppoll(list, (nfds_t)count, ms < 0 ? NULL : &timeout, NULL) == 0 ? -ETIMEDOUT : 0);
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
  return number(env, error ? error : watch_all(c));
}

// (connection): arrivals no longer make the descriptor readable, which each of them would pay for.
napi_value ofiDisarm(napi_env env, napi_callback_info info) {
  ARGS(1);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  return number(env, c ? watch(c, c->watched, QUIET_FDS) : -EBADF);
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
