// Sleeping and waking between two processes that share a control page. Each side has a sleep word in it: a side that
// goes to sleep publishes there how it sleeps, and the other side checks that word after each of its own writes. The
// peer can write all of that page, so what only this process may say (that the peer is lost, that we were interrupted)
// is in private memory. Nothing here can block on the peer: a ring is a futex wake-up, or a byte into a socket that is
// dropped when there is no room, because then the peer has bytes to read already. One thread per process watches the
// sockets, so that a peer's death sets a flag for every thread that polls, and wakes every thread that sleeps.
#include "host.h"
#include "memory.h"
#include "table.h"
#include "watch.h"
#include <errno.h>
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SLEEP, LINE_WORDS = 32 };
enum { AWAKE, BLOCKED, ON_LOOP };
enum { LOST, INTERRUPTED, FLAGS };

typedef struct {
  block* control;
  block* flags; // uint32_t[FLAGS]
  block* outbound_spare;
  block* inbound_spare;
  uint32_t* own;
  uint32_t* peer;
  waker* waker; // of the thread whose event loop watches the socket, or NULL
  int memory;   // until the channel is attached, then -1
  int socket;
  int64_t id;
} channel;

static table channels = TABLE_INIT;

#define SPARE_OF(name, field)                                                                                          \
  napi_value name(napi_env env, napi_callback_info info) {                                                             \
    ARGS(1);                                                                                                           \
    channel* c = table_get(&channels, int_of(env, arg[0]));                                                            \
    return c && c->field ? block_buffer(env, c->field) : null_value(env);                                              \
  }

static void wake_blocked(uint32_t* line) { syscall(SYS_futex, &line[SLEEP], FUTEX_WAKE, 1, NULL, NULL, 0); }

static void flag(channel* c, int which) { __atomic_store_n((uint32_t*)c->flags->data + which, 1, __ATOMIC_SEQ_CST); }

// Sets a flag and wakes our side, whatever its sleep word says: the peer may have changed the word and died before its
// ring. The lock keeps the channel from being closed meanwhile. A sleeper on the event loop notices by itself that the
// socket has ended, so only an interrupt needs the waker.
static int flag_and_wake(int64_t id, int which) {
  pthread_mutex_lock(&channels.lock);
  channel* c = table_get(&channels, id);
  if (c) {
    flag(c, which);
    __atomic_store_n(&c->own[SLEEP], AWAKE, __ATOMIC_SEQ_CST);
    wake_blocked(c->own);
    if (c->waker && which == INTERRUPTED) waker_send(c->waker);
  }
  pthread_mutex_unlock(&channels.lock);
  return c ? 0 : -EBADF;
}

static void* watch_for_death(void* epoll) {
  for (;;) {
    struct epoll_event event;
    if (epoll_wait((int)(intptr_t)epoll, &event, 1, -1) == 1) flag_and_wake((int64_t)event.data.u64, LOST);
  }
  return NULL;
}

// Returns the epoll descriptor of the thread that watches for the deaths of peers, or -errno. A failed start is tried
// again at the next call.
static int death_watcher(void) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static int started = -1;
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_mutex_lock(&lock);
  int result = started;
  if (result < 0) {
    result = epoll_create1(EPOLL_CLOEXEC);
    if (result < 0) result = -errno;
  }
  if (result >= 0 && started < 0) {
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 128 * 1024);
    int error = pthread_create(&thread, &attributes, watch_for_death, (void*)(intptr_t)result);
    pthread_attr_destroy(&attributes);
    if (error) {
      close(result);
      result = -error;
    } else {
      started = result;
    }
  }
  pthread_mutex_unlock(&lock);
  return result;
}

static void channel_free(channel* c) {
  if (c->memory >= 0) close(c->memory);
  close(c->socket);
  if (c->control) block_release(c->control);
  if (c->flags) block_release(c->flags);
  if (c->outbound_spare) block_release(c->outbound_spare);
  if (c->inbound_spare) block_release(c->inbound_spare);
  free(c);
}

// Frees the channel of a thread that ends without closing it: the peer must see the connection end.
static void on_thread_end(void* c) {
  table_remove(&channels, ((channel*)c)->id);
  channel_free(c);
}

// (memory descriptor, control bytes, side: 0 or 1, socket) → number of the channel, or -errno. Takes ownership of both
// descriptors, even when it fails.
napi_value channelOpen(napi_env env, napi_callback_info info) {
  ARGS(4);
  int side = (int)int_of(env, arg[2]);
  channel* c = calloc(1, sizeof *c);
  if (!c) abort();
  c->memory = (int)int_of(env, arg[0]);
  c->socket = (int)int_of(env, arg[3]);
  c->control = block_map(c->memory, 0, (size_t)int_of(env, arg[1]));
  int error = c->control ? 0 : -errno;
  if (!error) c->flags = block_map(-1, 0, FLAGS * sizeof(uint32_t));
  if (!error && !c->flags) error = -errno;
  int watcher = error ? error : death_watcher();
  if (!error && watcher < 0) error = watcher;
  if (!error) {
    uint32_t* words = c->control->data;
    c->own = words + (side == 0 ? 0 : LINE_WORDS);
    c->peer = words + (side == 0 ? LINE_WORDS : 0);
    c->id = table_add(&channels, c);
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = (uint64_t)c->id};
    if (c->id == 0) error = -ENOMEM;
    else if (epoll_ctl(watcher, EPOLL_CTL_ADD, c->socket, &event) < 0) error = -errno;
  }
  if (!error) return number(env, c->id);
  table_remove(&channels, c->id);
  channel_free(c);
  return number(env, error);
}

// (channel) → the descriptor of its memory, for the caller to map and close, or -EBADF when the channel is closed or
// was attached before. From now on the channel belongs to the calling thread and ends with it.
napi_value channelAttach(napi_env env, napi_callback_info info) {
  ARGS(1);
  int memory = -1;
  pthread_mutex_lock(&channels.lock);
  channel* c = table_get(&channels, int_of(env, arg[0]));
  if (c) {
    memory = c->memory;
    c->memory = -1;
  }
  pthread_mutex_unlock(&channels.lock);
  if (memory < 0) return number(env, -EBADF);
  napi_add_env_cleanup_hook(env, on_thread_end, c);
  return number(env, memory);
}

// (channel) → ArrayBuffer of the flags, LOST and INTERRUPTED, or null.
BUFFER_OF(channelFlags, channel, channels, flags)

// (channel, its memory, where the spare room that we fill begins, where the one that the peer fills begins, bytes of
// each): maps both, for channelOutboundSpare and channelInboundSpare to show. 0, or -errno.
napi_value channelSpare(napi_env env, napi_callback_info info) {
  ARGS(5);
  channel* c = table_get(&channels, int_of(env, arg[0]));
  if (!c || c->outbound_spare) return number(env, -EBADF);
  int memory = (int)int_of(env, arg[1]);
  size_t bytes = (size_t)int_of(env, arg[4]);
  c->outbound_spare = block_map(memory, int_of(env, arg[2]), bytes);
  c->inbound_spare = block_map(memory, int_of(env, arg[3]), bytes);
  return number(env, c->outbound_spare && c->inbound_spare ? 0 : -errno);
}

// (channel) → ArrayBuffer, or null when the spare room could not be mapped.
SPARE_OF(channelOutboundSpare, outbound_spare)
SPARE_OF(channelInboundSpare, inbound_spare)

// (channel): wakes the peer. Called only when its sleep word is not 0.
napi_value channelRing(napi_env env, napi_callback_info info) {
  ARGS(1);
  channel* c = table_get(&channels, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  uint32_t was = __atomic_exchange_n(&c->peer[SLEEP], AWAKE, __ATOMIC_SEQ_CST);
  uint8_t byte = 1;
  if (was == BLOCKED) wake_blocked(c->peer);
  else if (was == ON_LOOP) send(c->socket, &byte, sizeof byte, MSG_DONTWAIT | MSG_NOSIGNAL);
  return number(env, 0);
}

// (channel) → 1 when the peer has rung, 0 when it has not, -ENOTCONN when the socket has ended, which sets LOST. Takes
// one ring per call, so that a peer that rings all the time cannot hold up the event loop.
napi_value channelHear(napi_env env, napi_callback_info info) {
  ARGS(1);
  channel* c = table_get(&channels, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  uint8_t byte;
  ssize_t heard = recv(c->socket, &byte, sizeof byte, MSG_DONTWAIT);
  if (heard > 0) return number(env, 1);
  if (heard < 0 && (errno == EAGAIN || errno == EINTR)) return number(env, 0);
  flag(c, LOST);
  return number(env, -ENOTCONN);
}

// (channel, milliseconds, negative for ever): blocks while our sleep word is BLOCKED. 0 or -ETIMEDOUT.
napi_value channelWait(napi_env env, napi_callback_info info) {
  ARGS(2);
  channel* c = table_get(&channels, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  double ms = double_of(env, arg[1]);
  struct timespec timeout = timespec_of(ms);
  long result = syscall(SYS_futex, &c->own[SLEEP], FUTEX_WAIT, BLOCKED, ms < 0 ? NULL : &timeout, NULL, 0);
  return number(env, result < 0 && errno == ETIMEDOUT ? -ETIMEDOUT : 0);
}

static void set_waker(int64_t id, waker* w) {
  pthread_mutex_lock(&channels.lock);
  channel* c = table_get(&channels, id);
  if (c) c->waker = w;
  pthread_mutex_unlock(&channels.lock);
}

static bool is_interrupted(block* flags) {
  return __atomic_load_n((uint32_t*)flags->data + INTERRUPTED, __ATOMIC_SEQ_CST) != 0;
}

static const interruptible CHANNEL = {set_waker, is_interrupted};

// (channel, callback) → number of a watch (watch.c) that calls back when the peer rings or is lost, or when we are
// interrupted; or -errno. Only for the thread that attached the channel, which must stop the watch before it closes the
// channel.
napi_value channelWatch(napi_env env, napi_callback_info info) {
  ARGS(2);
  channel* c = table_get(&channels, int_of(env, arg[0]));
  return number(env, c ? watch_start(env, c->socket, arg[1], &CHANNEL, c->id, c->flags) : -EBADF);
}

// (channel) → 0 or -EBADF. Callable from any thread: sets INTERRUPTED, which our polling side sees, and wakes our
// sleeping side.
napi_value channelInterrupt(napi_env env, napi_callback_info info) {
  ARGS(1);
  return number(env, flag_and_wake(int_of(env, arg[0]), INTERRUPTED));
}

// (channel): only for the thread that attached it, or while it is not attached. The peer sees its socket end.
napi_value channelClose(napi_env env, napi_callback_info info) {
  ARGS(1);
  channel* c = table_remove(&channels, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  if (c->memory < 0) napi_remove_env_cleanup_hook(env, on_thread_end, c);
  channel_free(c);
  return number(env, 0);
}

// () → a descriptor that becomes readable when the peer of a channel that watches with it is gone, or -errno. The caller
// closes it. It holds no reference to a channel: closing that still ends the connection, and then nothing is told of it.
napi_value channelPeers(napi_env env, napi_callback_info info) {
  int fd = epoll_create1(EPOLL_CLOEXEC);
  return number(env, fd < 0 ? -errno : fd);
}

// (channel, descriptor of channelPeers, 1 or 0): begins or stops to watch for the end of the channel's peer. 0 or -errno.
napi_value channelPeer(napi_env env, napi_callback_info info) {
  ARGS(3);
  int result = -EBADF;
  pthread_mutex_lock(&channels.lock);
  channel* c = table_get(&channels, int_of(env, arg[0]));
  if (c) {
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = (uint64_t)c->id};
    int operation = int_of(env, arg[2]) ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;
    result = epoll_ctl((int)int_of(env, arg[1]), operation, c->socket, &event) < 0 ? -errno : 0;
  }
  pthread_mutex_unlock(&channels.lock);
  return number(env, result);
}

// (descriptor of channelPeers) → a channel whose peer is gone, told once; 0 when there is none.
napi_value channelPeerGone(napi_env env, napi_callback_info info) {
  ARGS(1);
  struct epoll_event event;
  int count = epoll_wait((int)int_of(env, arg[0]), &event, 1, 0);
  return number(env, count == 1 ? (int64_t)event.data.u64 : 0);
}
