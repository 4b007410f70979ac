// Sleep and wake between two processes that share a control page. Each side has a line of three words in it; the side
// that sleeps publishes how, the other looks after every publication of its own. One thread per process watches the
// sockets, so that a peer's death is a word in memory to everyone who polls, and wakes everyone who sleeps.
#include "hangup.h"
#include "local.h"
#include "memory.h"
#include "table.h"
#include <errno.h>
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SLEEP, LOST, INTERRUPTED, LINE_WORDS = 32 };
enum { AWAKE, BLOCKED, ON_LOOP };

typedef struct {
  block* control;
  uint32_t* own;
  uint32_t* peer;
  int memory; // until somebody attaches, then -1
  int socket;
  int own_event;
  int peer_event;
  int64_t id;
} channel;

static table channels = TABLE_INIT;
static pthread_once_t watcher_once = PTHREAD_ONCE_INIT;
static int watcher_epoll = -1;

static void wake(uint32_t* line, int event) {
  uint32_t was = __atomic_exchange_n(&line[SLEEP], AWAKE, __ATOMIC_SEQ_CST);
  if (was == BLOCKED) syscall(SYS_futex, &line[SLEEP], FUTEX_WAKE, 1, NULL, NULL, 0);
  else if (was == ON_LOOP) eventfd_write(event, 1);
}

// Sets a flag of our own line and wakes whoever sleeps on it. The lock keeps the channel from being closed meanwhile.
static int flag_and_wake(int64_t id, int flag) {
  pthread_mutex_lock(&channels.lock);
  channel* c = table_get(&channels, id);
  if (c) {
    __atomic_store_n(&c->own[flag], 1, __ATOMIC_SEQ_CST);
    wake(c->own, c->own_event);
  }
  pthread_mutex_unlock(&channels.lock);
  return c ? 0 : -EBADF;
}

static void* watch_for_death(void* unused) {
  for (;;) {
    struct epoll_event event;
    if (epoll_wait(watcher_epoll, &event, 1, -1) == 1) flag_and_wake((int64_t)event.data.u64, LOST);
  }
  return NULL;
}

static void start_watcher(void) {
  pthread_t thread;
  pthread_attr_t attributes;
  watcher_epoll = epoll_create1(EPOLL_CLOEXEC);
  if (watcher_epoll < 0) return;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 128 * 1024);
  if (pthread_create(&thread, &attributes, watch_for_death, NULL) != 0) {
    close(watcher_epoll);
    watcher_epoll = -1;
  }
  pthread_attr_destroy(&attributes);
}

static void channel_free(channel* c) {
  if (c->memory >= 0) close(c->memory);
  close(c->socket);
  close(c->own_event);
  close(c->peer_event);
  if (c->control) block_release(c->control);
  free(c);
}

// A thread that ends without a close gives its connection back all the same: the peer must see it go.
static void on_thread_end(void* c) {
  table_remove(&channels, ((channel*)c)->id);
  channel_free(c);
}

// (memory descriptor, control bytes, side: 0 or 1, socket, own event, peer's event) → number of the channel, or -errno.
// Takes the four descriptors over, also when it fails.
napi_value channelOpen(napi_env env, napi_callback_info info) {
  ARGS(6);
  int side = (int)int_of(env, arg[2]);
  channel made = {
      .memory = (int)int_of(env, arg[0]),
      .socket = (int)int_of(env, arg[3]),
      .own_event = (int)int_of(env, arg[4]),
      .peer_event = (int)int_of(env, arg[5]),
  };
  channel* c = malloc(sizeof *c);
  if (!c) abort();
  *c = made;
  c->control = block_map(c->memory, 0, (size_t)int_of(env, arg[1]));
  int error = c->control ? 0 : errno;
  if (!error) {
    uint32_t* words = c->control->data;
    c->own = words + (side == 0 ? 0 : LINE_WORDS);
    c->peer = words + (side == 0 ? LINE_WORDS : 0);
    pthread_once(&watcher_once, start_watcher);
    c->id = table_add(&channels, c);
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = (uint64_t)c->id};
    if (c->id == 0) error = ENOMEM;
    else if (epoll_ctl(watcher_epoll, EPOLL_CTL_ADD, c->socket, &event) < 0) error = errno;
  }
  if (!error) return number(env, c->id);
  table_remove(&channels, c->id);
  channel_free(c);
  return number(env, -error);
}

// (channel) → the descriptor of its memory, for the caller to map and close, or -EBADF when the channel is closed or was
// attached before. From now on the channel belongs to the calling thread and ends with it.
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

// (channel): wakes the peer. Called only when its sleep word is not 0.
napi_value channelRing(napi_env env, napi_callback_info info) {
  ARGS(1);
  channel* c = table_get(&channels, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  wake(c->peer, c->peer_event);
  return number(env, 0);
}

// (channel, milliseconds, negative for ever): blocks while our sleep word is BLOCKED. 0 or -ETIMEDOUT.
napi_value channelWait(napi_env env, napi_callback_info info) {
  ARGS(2);
  channel* c = table_get(&channels, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  double ms = double_of(env, arg[1]);
  struct timespec timeout = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = 0};
  timeout.tv_nsec = (long)((ms - (double)timeout.tv_sec * 1000) * 1e6);
  long result = syscall(SYS_futex, &c->own[SLEEP], FUTEX_WAIT, BLOCKED, ms < 0 ? NULL : &timeout, NULL, 0);
  return number(env, result < 0 && errno == ETIMEDOUT ? -ETIMEDOUT : 0);
}

// (channel): from any thread; the side that sleeps or polls sees the flag. 0 or -EBADF.
napi_value channelInterrupt(napi_env env, napi_callback_info info) {
  ARGS(1);
  return number(env, flag_and_wake(int_of(env, arg[0]), INTERRUPTED));
}

// (channel): only by the thread that attached it, or before anybody has. The peer sees its socket end.
napi_value channelClose(napi_env env, napi_callback_info info) {
  ARGS(1);
  channel* c = table_remove(&channels, int_of(env, arg[0]));
  if (!c) return number(env, -EBADF);
  if (c->memory < 0) napi_remove_env_cleanup_hook(env, on_thread_end, c);
  channel_free(c);
  return number(env, 0);
}

// (channel) → a descriptor that becomes readable when the peer has closed its socket, or -errno. The caller closes it.
napi_value channelPeer(napi_env env, napi_callback_info info) {
  ARGS(1);
  int result = -EBADF;
  pthread_mutex_lock(&channels.lock);
  channel* c = table_get(&channels, int_of(env, arg[0]));
  if (c) result = hangup_descriptor(c->socket, EPOLLRDHUP);
  pthread_mutex_unlock(&channels.lock);
  return number(env, result);
}
