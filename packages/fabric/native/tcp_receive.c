// The receiving half of a connection over TCP.
#include "tcp.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

// Reads of one poll that complete no frame: a long payload must not keep its reader from other work.
enum { READS_MAX = 16 };

// Confirms what has arrived, which the kernel would put off by some 40 ms: the sender of a frame without bytes may be
// waiting for that (tcpFinished).
static void confirm(tcp_connection* c) {
  int yes = 1;
  setsockopt(c->socket, IPPROTO_TCP, TCP_QUICKACK, &yes, sizeof yes);
}

// Moves what is staged into the window, and the immediates of complete frames into `to`. Returns how many there were.
static uint32_t parse(tcp_connection* c, uint32_t* to, uint32_t room) {
  uint32_t count = 0;
  while (count < room) {
    size_t staged = c->staged_to - c->staged_from;
    if (c->missing == 0) {
      if (staged < sizeof c->arriving) break;
      memcpy(&c->arriving, c->staged + c->staged_from, sizeof c->arriving);
      c->staged_from += sizeof c->arriving;
      staged -= sizeof c->arriving;
      c->target = tcp_place(c->inbound, &c->inbound_spare, c->spare_bytes, c->arriving.offset, c->arriving.bytes);
      if (!c->target || c->arriving.immediate > TCP_IMMEDIATE_MAX) {
        // No honest peer sends such a frame, and where the next one begins is unknown.
        c->lost = c->ended = true;
        c->staged_from = c->staged_to = 0;
        break;
      }
      c->missing = c->arriving.bytes;
    }
    size_t some = staged < c->missing ? staged : c->missing;
    memcpy(c->target + c->arriving.bytes - c->missing, c->staged + c->staged_from, some);
    c->staged_from += some;
    c->missing -= some;
    if (c->missing > 0) break;
    if (c->arriving.bytes == 0) confirm(c);
    to[count++] = c->arriving.immediate;
  }
  return count;
}

// Reads once: the rest of the payload straight into the window, what follows into the staged bytes, of which at most a
// part of a header is left. Returns whether something arrived. `*completes` tells whether the payload is complete now.
static bool read_once(tcp_connection* c, bool* completes) {
  size_t left = c->staged_to - c->staged_from;
  memmove(c->staged, c->staged + c->staged_from, left);
  c->staged_from = 0;
  c->staged_to = left;
  struct iovec vectors[2] = {
      {c->target + c->arriving.bytes - c->missing, c->missing},
      {c->staged + left, TCP_STAGED_BYTES - left},
  };
  int skipped = c->missing == 0;
  ssize_t got = readv(c->socket, vectors + skipped, 2 - skipped);
  if (got <= 0) {
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    c->lost = c->ended = true;
    return false;
  }
  size_t direct = (size_t)got < c->missing ? (size_t)got : c->missing;
  *completes = c->missing > 0 && direct == c->missing;
  c->missing -= direct;
  c->staged_to += (size_t)got - direct;
  return true;
}

uint32_t tcp_receive(tcp_connection* c, uint32_t* to, uint32_t room) {
  uint32_t count = parse(c, to, room);
  // Of a peer that is gone everything is read: what it sent is in our kernel.
  for (int reads = 0; count == 0 && room > 0 && !c->ended && (reads < READS_MAX || c->lost); reads++) {
    bool completes = false;
    if (!read_once(c, &completes)) break;
    if (completes) to[count++] = c->arriving.immediate;
    count += parse(c, to + count, room - count);
  }
  c->under_way -= count;
  return count;
}

// (connection, 1 if its event loop still watches for arrivals, else 0) → how many immediates are in the batch now, or
// -ENOTCONN when there are none and the peer is gone. Sends what is queued first.
napi_value tcpPoll(napi_env env, napi_callback_info info) {
  ARGS(2);
  tcp_connection* c = table_get(&tcp_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  uint32_t* batch = c->batch->data;
  pthread_mutex_lock(&c->lock);
  // The progress thread must not take from the socket what the event loop watches for.
  c->owner = int_of(env, arg[1]) ? TCP_ARMED : TCP_AWAKE;
  c->polls++;
  if (c->is_watched) tcp_progress_stop(c);
  tcp_flush(c);
  uint32_t count = c->held_count;
  if (count > 0) memcpy(batch, c->held, count * sizeof *batch);
  c->held_count = 0;
  if (count == 0) count = tcp_receive(c, batch, TCP_BATCH);
  if (count > 0) c->active_ns = tcp_now_ns();
  // The owner will be busy with what has arrived. After a large frame the next one may not fit into the socket either.
  bool may_fill = count > 0 && (c->missing > 0 || c->arriving.bytes > TCP_STAGED_BYTES);
  if (c->queued > 0 || may_fill) tcp_progress_later(c);
  bool is_lost = count == 0 && c->lost;
  pthread_mutex_unlock(&c->lock);
  return number(env, is_lost ? -ENOTCONN : (int64_t)count);
}
