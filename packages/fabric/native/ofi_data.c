// The data path over libfabric.
#include "ofi.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

// Every so many writes one asks for its completion, so that the provider can take back its send queue's entries.
enum { SIGNAL_EVERY = 32 };
// Every so many empty polls the event queue is read for a shutdown.
enum { EVENTS_EVERY = 64 };

static void read_events(connection* c) {
  struct fi_eq_cm_entry entry;
  uint32_t kind;
  ssize_t got = fi_eq_read(c->eq, &kind, &entry, sizeof entry, 0);
  if (got == -FI_EAVAIL) {
    struct fi_eq_err_entry failure = {0};
    fi_eq_readerr(c->eq, &failure, 0);
    c->lost = true;
  } else if (got >= 0 && kind == FI_SHUTDOWN) {
    c->lost = true;
  }
}

int ofi_drain(connection* c, uint32_t* to, int room) {
  struct fi_cq_data_entry entries[BATCH];
  size_t most = (size_t)(room < BATCH ? room : BATCH);
  ssize_t got = fi_cq_read(c->cq, entries, most);
  int count = 0;
  // Each operation that the end of the connection has cancelled reports so, in front of what arrived before.
  while (got == -FI_EAVAIL) {
    struct fi_cq_err_entry failure = {0};
    c->lost = true;
    if (fi_cq_readerr(c->cq, &failure, 0) < 0) break;
    got = fi_cq_read(c->cq, entries, most);
  }
  if (got == -FI_EAGAIN) {
    if (++c->empty_polls % EVENTS_EVERY == 0) read_events(c);
  } else if (got < 0) {
    c->lost = true;
  }
  for (ssize_t i = 0; i < got; i++) {
    if (!(entries[i].flags & FI_REMOTE_CQ_DATA)) continue;
    to[count++] = (uint32_t)entries[i].data;
    // The immediate used up a receive.
    if (c->posts_receives && fi_recvmsg(c->ep, &(struct fi_msg){0}, FI_COMPLETION) < 0) c->lost = true;
  }
  return count;
}

static ssize_t post(connection* c, uint8_t* from, size_t bytes, uint64_t to, uint32_t immediate) {
  if (bytes <= c->info->tx_attr->inject_size) {
    return fi_inject_writedata(c->ep, from, bytes, immediate, 0, to, c->remote.key);
  }
  struct iovec local = {from, bytes};
  void* description = fi_mr_desc(c->outbound_mr);
  struct fi_rma_iov remote = {.addr = to, .len = bytes, .key = c->remote.key};
  struct fi_msg_rma message = {
      .msg_iov = &local, .desc = &description, .iov_count = 1, .rma_iov = &remote, .rma_iov_count = 1, .data = immediate};
  bool signal = c->unsignalled + 1 >= SIGNAL_EVERY;
  ssize_t error = fi_writemsg(c->ep, &message, FI_REMOTE_CQ_DATA | (signal ? FI_COMPLETION : 0));
  if (!error) c->unsignalled = signal ? 0 : c->unsignalled + 1;
  return error;
}

// (connection, offset, bytes, immediate) → 0, -EAGAIN when the send queue is full, or an error. The range was checked.
napi_value ofiWrite(napi_env env, napi_callback_info info) {
  ARGS(4);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  if (c->lost) return number(env, -FI_ENOTCONN);
  int64_t offset = int_of(env, arg[1]);
  size_t bytes = (size_t)int_of(env, arg[2]);
  uint32_t immediate = (uint32_t)int_of(env, arg[3]);
  uint8_t* from = (uint8_t*)c->outbound->data + offset;
  uint64_t to = c->remote.base + (uint64_t)offset;
  ssize_t error = post(c, from, bytes, to, immediate);
  if (error == -FI_EAGAIN && c->held_count < BATCH) {
    // Reading completions makes room. What else it finds waits for the next poll.
    c->held_count += (uint32_t)ofi_drain(c, c->held + c->held_count, (int)(BATCH - c->held_count));
    error = post(c, from, bytes, to, immediate);
  }
  if (error && error != -FI_EAGAIN) c->lost = true;
  return number(env, error);
}

// (connection) → how many immediates are in the batch now, or -ENOTCONN when there are none and the peer is lost.
napi_value ofiPoll(napi_env env, napi_callback_info info) {
  ARGS(1);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  uint32_t* batch = c->batch->data;
  int count = (int)c->held_count;
  memcpy(batch, c->held, c->held_count * sizeof *batch);
  c->held_count = 0;
  if (count < BATCH) count += ofi_drain(c, batch + count, BATCH - count);
  // The end may have been noticed after the queue was read: what arrived between the two comes first.
  if (count == 0 && c->lost) count = ofi_drain(c, batch, BATCH);
  return number(env, count == 0 && c->lost ? -FI_ENOTCONN : count);
}

static int try_wait(connection* c) {
  struct fid* both[] = {&c->cq->fid, &c->eq->fid};
  return fi_trywait(c->fabric, both, 2);
}

// (connection, milliseconds, negative for ever): blocks until there may be something. 0 or -ETIMEDOUT.
napi_value ofiWait(napi_env env, napi_callback_info info) {
  ARGS(2);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  double ms = double_of(env, arg[1]);
  struct pollfd sleeper = {.fd = c->epoll, .events = POLLIN};
  struct timespec timeout = {.tv_sec = (time_t)(ms / 1000)};
  timeout.tv_nsec = (long)((ms - (double)timeout.tv_sec * 1000) * 1e6);
  read_events(c);
  if (c->lost || try_wait(c) != 0) return number(env, 0);
  return number(env, ppoll(&sleeper, 1, ms < 0 ? NULL : &timeout, NULL) == 0 ? -ETIMEDOUT : 0);
}

// (connection) → 0 when the descriptor will become readable with the next arrival, -EAGAIN when one must poll again.
napi_value ofiArm(napi_env env, napi_callback_info info) {
  ARGS(1);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  read_events(c);
  return number(env, c->lost ? -FI_ENOTCONN : try_wait(c));
}

// (connection): from any thread; sets the word after the batch and ends the sleep.
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

// (connection): takes the interruption back.
napi_value ofiTakeInterrupt(napi_env env, napi_callback_info info) {
  ARGS(1);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  eventfd_t count;
  // An interruption is a word and an event: both are taken, or neither.
  pthread_mutex_lock(&ofi_connections.lock);
  eventfd_read(c->interrupt_event, &count);
  __atomic_store_n((uint32_t*)c->batch->data + BATCH, 0, __ATOMIC_SEQ_CST);
  pthread_mutex_unlock(&ofi_connections.lock);
  return number(env, 0);
}
