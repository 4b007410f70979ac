// The data path over libfabric.
#include "ofi.h"
#include <errno.h>
#include <string.h>

// The event queue is read for a shutdown once in this many empty polls.
enum { EVENTS_EVERY = 64 };

void ofi_read_events(connection* c) {
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

int ofi_post_receives(connection* c, int64_t count) {
  ssize_t error = 0;
  while (count-- > 0 && !error) error = fi_recvmsg(c->ep, &(struct fi_msg){0}, FI_COMPLETION);
  return (int)error;
}

static void post_owed_receives(connection* c) {
  if (ofi_post_receives(c, c->receives_owed) < 0) c->lost = true;
  c->receives_owed = 0;
}

// Moves the immediates in the completion queue into `to` and returns how many there were. Sets `lost` when the peer is
// gone.
static int drain(connection* c, uint32_t* to, uint32_t room) {
  struct fi_cq_data_entry entries[BATCH];
  ssize_t got = fi_cq_read(c->cq, entries, room);
  int count = 0;
  // Each operation that the end of the connection has cancelled reports an error, ahead of what arrived before.
  while (got == -FI_EAVAIL) {
    struct fi_cq_err_entry failure = {0};
    c->lost = true;
    if (fi_cq_readerr(c->cq, &failure, 0) < 0) break;
    got = fi_cq_read(c->cq, entries, room);
  }
  if (got == -FI_EAGAIN) {
    if (++c->empty_polls % EVENTS_EVERY == 0) ofi_read_events(c);
  } else if (got < 0) {
    c->lost = true;
  }
  for (ssize_t i = 0; i < got; i++) {
    if (entries[i].flags & FI_REMOTE_CQ_DATA) to[count++] = (uint32_t)entries[i].data & IMMEDIATE_MAX;
    else if (entries[i].flags & FI_WRITE) c->finished = true; // ofiFinish alone asks for a completion
  }
  // Each immediate consumed a receive. Receives are posted again when nothing arrived, or when more than a batch is
  // owed.
  if (c->posts_receives) {
    c->receives_owed += (uint32_t)count;
    if (c->receives_owed > (count > 0 ? RECEIVES_OWED_MAX - BATCH : 0)) post_owed_receives(c);
  }
  return count;
}

// A write that reports its completion is never injected: an injected one reports nothing.
static ssize_t post(connection* c, uint8_t* from, size_t bytes, uint64_t to, uint32_t immediate, bool reports) {
  if (bytes <= c->info->tx_attr->inject_size && !reports) {
    return fi_inject_writedata(c->ep, from, bytes, immediate, 0, to, c->remote.key);
  }
  struct iovec local = {from, bytes};
  void* description = fi_mr_desc(c->outbound_mr);
  struct fi_rma_iov remote = {.addr = to, .len = bytes, .key = c->remote.key};
  struct fi_msg_rma message = {
      .msg_iov = &local, .desc = &description, .iov_count = 1, .rma_iov = &remote, .rma_iov_count = 1, .data = immediate};
  return fi_writemsg(c->ep, &message, FI_REMOTE_CQ_DATA | (reports ? FI_COMPLETION : 0));
}

// Returns 0, -EAGAIN when the send queue is full, or an error, after which the connection is lost.
static ssize_t write_range(connection* c, size_t offset, size_t bytes, uint32_t immediate, bool reports) {
  if (c->lost) return -FI_ENOTCONN;
  uint8_t* from = (uint8_t*)c->outbound->data + offset;
  uint64_t to = c->remote.base + offset;
  ssize_t error = post(c, from, bytes, to, immediate, reports);
  if (error == -FI_EAGAIN && c->held_count < BATCH) {
    // Reading completions makes room: finished writes give their places in the send queue back. Immediates that are
    // found on the way are kept for the next poll.
    c->held_count += (uint32_t)drain(c, c->held + c->held_count, BATCH - c->held_count);
    error = post(c, from, bytes, to, immediate, reports);
  }
  if (error && error != -FI_EAGAIN) c->lost = true;
  return error;
}

// (connection, offset, bytes, immediate) → 0, -EAGAIN when the send queue is full, or an error. The caller has checked
// the range.
napi_value ofiWrite(napi_env env, napi_callback_info info) {
  ARGS(4);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  return number(env, write_range(c, (size_t)int_of(env, arg[1]), (size_t)int_of(env, arg[2]), (uint32_t)int_of(env, arg[3]), false));
}

// (connection, immediate) → as ofiWrite. The last write of this side, without bytes; ofiFinished tells of its
// completion.
napi_value ofiFinish(napi_env env, napi_callback_info info) {
  ARGS(2);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  return number(env, c ? write_range(c, 0, 0, (uint32_t)int_of(env, arg[1]), true) : -EBADF);
}

// (connection) → 1 once the completion of ofiFinish was found, else 0. Writes complete in order, so all have left then.
// Looks for it also when nobody polls: immediates that are found on the way are kept for the next poll, a batch at most.
napi_value ofiFinished(napi_env env, napi_callback_info info) {
  ARGS(1);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  if (c && !c->finished && c->held_count < BATCH) {
    c->held_count += (uint32_t)drain(c, c->held + c->held_count, BATCH - c->held_count);
  }
  return number(env, c && c->finished);
}

// (connection) → how many immediates are in the batch now, or -ENOTCONN when there are none and the peer is lost.
napi_value ofiPoll(napi_env env, napi_callback_info info) {
  ARGS(1);
  connection* c = table_get(&ofi_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  uint32_t* batch = c->batch->data;
  uint32_t count = c->held_count;
  memcpy(batch, c->held, count * sizeof *batch);
  c->held_count = 0;
  if (count < BATCH) count += (uint32_t)drain(c, batch + count, BATCH - count);
  // `drain` may have noticed the end after it read the queue: what arrived between the two comes first.
  if (count == 0 && c->lost) count = (uint32_t)drain(c, batch, BATCH);
  return number(env, count == 0 && c->lost ? -FI_ENOTCONN : (int64_t)count);
}
