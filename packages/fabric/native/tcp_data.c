// The data path over TCP.
#include "tcp.h"
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

// Frames that one system call sends.
enum { FRAMES_AT_ONCE = 32 };
// Reads of one poll that complete no frame: a long payload must not keep its reader from other work.
enum { READS_MAX = 16 };

// Fills the two entries of a frame, without the first `skip` bytes. Returns how many bytes they have.
static size_t vectors_of(const tcp_connection* c, const tcp_frame* frame, size_t skip, struct iovec to[2]) {
  size_t header = skip < sizeof *frame ? sizeof *frame - skip : 0;
  size_t payload = frame->bytes - (skip - (sizeof *frame - header));
  to[0] = (struct iovec){(uint8_t*)frame + (sizeof *frame - header), header};
  to[1] = (struct iovec){(uint8_t*)c->outbound->data + frame->offset + (frame->bytes - payload), payload};
  return header + payload;
}

static void forget_sent(tcp_connection* c, size_t bytes) {
  c->sent += bytes;
  while (c->queued > 0) {
    size_t whole = sizeof(tcp_frame) + c->queue[c->first].bytes;
    if (c->sent < whole) return;
    c->sent -= whole;
    c->first = (c->first + 1) % c->depth;
    c->queued--;
  }
}

void tcp_flush(tcp_connection* c) {
  while (c->queued > 0 && !c->lost) {
    struct iovec vectors[2 * FRAMES_AT_ONCE];
    uint32_t count = c->queued < FRAMES_AT_ONCE ? c->queued : FRAMES_AT_ONCE;
    size_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
      total += vectors_of(c, &c->queue[(c->first + i) % c->depth], i == 0 ? c->sent : 0, vectors + 2 * i);
    }
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 2 * count};
    ssize_t sent = sendmsg(c->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) forget_sent(c, (size_t)sent);
    else if (errno == EAGAIN) return;
    else if (errno != EINTR) c->lost = true;
    // A part says that there is no more room: asking again would only be told so.
    if (sent >= 0 && (size_t)sent < total) return;
  }
}

// Returns 0 when the frame has left, 1 when it is queued, -EAGAIN when the queue is full, or -ENOTCONN.
static int enqueue(tcp_connection* c, tcp_frame frame) {
  if (c->queued == c->depth) tcp_flush(c);
  if (c->lost) return -ENOTCONN;
  if (c->queued == c->depth) return -EAGAIN;
  c->queue[(c->first + c->queued++) % c->depth] = frame;
  // What is queued already waits for room, which polls and sleeps look for.
  if (c->queued == 1) tcp_flush(c);
  return c->lost ? -ENOTCONN : c->queued > 0;
}

// (connection, offset, bytes, immediate) → 0 when it has left, 1 when polls and sleeps send the rest, -EAGAIN when the
// queue is full, or -ENOTCONN. The caller has checked the range.
napi_value tcpWrite(napi_env env, napi_callback_info info) {
  ARGS(4);
  tcp_connection* c = table_get(&tcp_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  tcp_frame frame = {.offset = (uint32_t)int_of(env, arg[1]),
                     .bytes = (uint32_t)int_of(env, arg[2]),
                     .immediate = (uint32_t)int_of(env, arg[3])};
  return number(env, enqueue(c, frame));
}

// (connection, immediate) → as tcpWrite. The last write of this side, without bytes.
napi_value tcpFinish(napi_env env, napi_callback_info info) {
  ARGS(2);
  tcp_connection* c = table_get(&tcp_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  int result = enqueue(c, (tcp_frame){.immediate = (uint32_t)int_of(env, arg[1])});
  if (result >= 0) c->finishing = true;
  return number(env, result);
}

// (connection) → 1 once the peer's kernel has confirmed everything that was written before tcpFinish, and that, else 0.
napi_value tcpFinished(napi_env env, napi_callback_info info) {
  ARGS(1);
  tcp_connection* c = table_get(&tcp_connections, int_of(env, arg[0]));
  int unconfirmed;
  return number(env, c && c->finishing && c->queued == 0 && ioctl(c->socket, SIOCOUTQ, &unconfirmed) == 0 && unconfirmed == 0);
}

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
      uint64_t end = (uint64_t)c->arriving.offset + c->arriving.bytes;
      if (end > c->inbound->bytes || c->arriving.immediate > TCP_IMMEDIATE_MAX) {
        // No honest peer sends such a frame, and where the next one begins is unknown.
        c->lost = c->ended = true;
        c->staged_from = c->staged_to = 0;
        break;
      }
      c->missing = c->arriving.bytes;
    }
    size_t some = staged < c->missing ? staged : c->missing;
    memcpy((uint8_t*)c->inbound->data + c->arriving.offset + c->arriving.bytes - c->missing, c->staged + c->staged_from, some);
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
static bool receive(tcp_connection* c, bool* completes) {
  size_t left = c->staged_to - c->staged_from;
  memmove(c->staged, c->staged + c->staged_from, left);
  c->staged_from = 0;
  c->staged_to = left;
  struct iovec vectors[2] = {
      {(uint8_t*)c->inbound->data + c->arriving.offset + c->arriving.bytes - c->missing, c->missing},
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

// (connection) → how many immediates are in the batch now, or -ENOTCONN when there are none and the peer is gone.
napi_value tcpPoll(napi_env env, napi_callback_info info) {
  ARGS(1);
  tcp_connection* c = table_get(&tcp_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  uint32_t* batch = c->batch->data;
  if (c->queued > 0) tcp_flush(c);
  uint32_t count = parse(c, batch, TCP_BATCH);
  // Of a peer that is gone everything is read: what it sent is in our kernel.
  for (int reads = 0; count == 0 && !c->ended && (reads < READS_MAX || c->lost); reads++) {
    bool completes = false;
    if (!receive(c, &completes)) break;
    if (completes) batch[count++] = c->arriving.immediate;
    count += parse(c, batch + count, TCP_BATCH - count);
  }
  return number(env, count == 0 && c->lost ? -ENOTCONN : (int64_t)count);
}
