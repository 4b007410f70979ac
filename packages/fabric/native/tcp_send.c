// The sending half of a connection over TCP.
#include "tcp.h"
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

// Frames that one system call sends.
enum { FRAMES_AT_ONCE = 64 };
// A system call for each small frame costs ten times the rest of its way. A frame is therefore held back for those that
// follow, while the owner was active so short a time ago that it is in the middle of something; its next poll sends all.
enum { HOLD_NS = 20000 };
// More than this is never held back: large frames gain nothing by leaving together.
enum { HOLD_BYTES_MAX = 16384 };

int64_t tcp_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// Fills the two entries of a frame, without the first `skip` bytes. Returns how many bytes they have.
static size_t vectors_of(tcp_connection* c, const tcp_frame* frame, size_t skip, struct iovec to[2]) {
  size_t header = skip < sizeof *frame ? sizeof *frame - skip : 0;
  size_t payload = frame->bytes - (skip - (sizeof *frame - header));
  to[0] = (struct iovec){(uint8_t*)frame + (sizeof *frame - header), header};
  uint8_t* from = tcp_place(c->outbound, &c->outbound_spare, c->spare_bytes, frame->offset, frame->bytes);
  to[1] = (struct iovec){from + (frame->bytes - payload), payload};
  return header + payload;
}

static void forget_sent(tcp_connection* c, size_t bytes) {
  c->unsent -= bytes;
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
  if (c->queued == 0) return;
  c->active_ns = tcp_now_ns();
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
    else if (errno == EAGAIN) sent = 0;
    else if (errno == EINTR) continue;
    else c->lost = true;
    // A part says that there is no more room: asking again would only be told so.
    c->needs_room = !c->lost && (size_t)sent < total;
    if (c->needs_room) return;
  }
}

// Whether the queue may wait for the owner's next call: not when the owner sleeps, or was busy for so long that the
// progress thread has taken over.
static bool may_hold(const tcp_connection* c) {
  return c->owner == TCP_AWAKE && !c->is_watched && c->unsent <= HOLD_BYTES_MAX && tcp_now_ns() - c->active_ns < HOLD_NS &&
         tcp_progress_runs();
}

// Counts a write. Returns whether it is the only call, or the last answer, that is under way: nothing will follow soon.
static bool count_alone(tcp_connection* c) {
  bool is_first = c->under_way == 0, was_alone = c->under_way_max <= 1;
  c->under_way++;
  if (is_first) c->under_way_max = 0;
  if (c->under_way > c->under_way_max) c->under_way_max = c->under_way;
  return c->under_way == 0 || (is_first && was_alone);
}

// Returns 0 when everything has left, 1 when something is queued, -EAGAIN when the queue is full, or -ENOTCONN.
static int enqueue(tcp_connection* c, tcp_frame frame, bool may_wait) {
  if (c->queued == c->depth) tcp_flush(c);
  if (c->lost) return -ENOTCONN;
  if (c->queued == c->depth) return -EAGAIN;
  if (!tcp_place(c->outbound, &c->outbound_spare, c->spare_bytes, frame.offset, frame.bytes)) return -EINVAL;
  c->queue[(c->first + c->queued++) % c->depth] = frame;
  c->unsent += sizeof frame + frame.bytes;
  // What waits for room already is sent by polls, by sleeps and by the progress thread.
  bool is_alone = count_alone(c);
  if (!c->needs_room && (is_alone || !may_wait || !may_hold(c))) tcp_flush(c);
  if (c->queued > 0) tcp_progress_later(c);
  return c->lost ? -ENOTCONN : c->queued > 0;
}

// (connection, offset, bytes, immediate) → 0 when everything has left, 1 when something is queued, which polls, sleeps
// and the progress thread send, -EAGAIN when the queue is full, or -ENOTCONN. The caller has checked the range.
napi_value tcpWrite(napi_env env, napi_callback_info info) {
  ARGS(4);
  tcp_connection* c = table_get(&tcp_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  tcp_frame frame = {.offset = (uint32_t)int_of(env, arg[1]),
                     .bytes = (uint32_t)int_of(env, arg[2]),
                     .immediate = (uint32_t)int_of(env, arg[3])};
  pthread_mutex_lock(&c->lock);
  int result = enqueue(c, frame, true);
  pthread_mutex_unlock(&c->lock);
  return number(env, result);
}

// (connection): sends what is held back. 0 when everything has left, 1 when something is queued.
napi_value tcpFlush(napi_env env, napi_callback_info info) {
  ARGS(1);
  tcp_connection* c = table_get(&tcp_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  pthread_mutex_lock(&c->lock);
  tcp_flush(c);
  int result = c->queued > 0;
  pthread_mutex_unlock(&c->lock);
  return number(env, result);
}

// (connection, immediate) → as tcpWrite. The last write of this side, without bytes.
napi_value tcpFinish(napi_env env, napi_callback_info info) {
  ARGS(2);
  tcp_connection* c = table_get(&tcp_connections, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  pthread_mutex_lock(&c->lock);
  int result = enqueue(c, (tcp_frame){.immediate = (uint32_t)int_of(env, arg[1])}, false);
  if (result >= 0) c->finishing = true;
  pthread_mutex_unlock(&c->lock);
  return number(env, result);
}

// (connection) → 1 once the peer's kernel has confirmed everything that was written before tcpFinish, and that, else 0.
napi_value tcpFinished(napi_env env, napi_callback_info info) {
  ARGS(1);
  tcp_connection* c = table_get(&tcp_connections, int_of(env, arg[0]));
  if (!c) return number(env, 0);
  int unconfirmed;
  pthread_mutex_lock(&c->lock);
  bool all_sent = c->finishing && c->queued == 0;
  pthread_mutex_unlock(&c->lock);
  return number(env, all_sent && ioctl(c->socket, SIOCOUTQ, &unconfirmed) == 0 && unconfirmed == 0);
}
