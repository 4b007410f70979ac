// Goes on with what is under way over TCP while the thread that owns a connection is busy elsewhere, as a worker inside
// a function is: sends what is queued, and receives what has begun to arrive. One thread a process. It sleeps while
// nothing is under way. When something is, it looks at that connection a tick later: an owner that has polled meanwhile
// needs no help, and is looked at once more after another tick; from one that has not, it takes over until the owner
// polls again.
#include "tcp.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

// How long an owner has not polled when its work is taken over: once or twice this time.
enum { TICK_NS = 500000 };
// The epoll's number for the timer; connections are numbered from 1.
enum { TIMER = 0 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // of what follows; taken after a connection's lock
static int64_t* listed; // connections to look at with the next tick
static size_t listed_count;
static size_t listed_room;
static bool is_ticking;
static int epoll = -1; // -1 until the thread runs, then constant
static int timer = -1;
static atomic_bool runs;

static void tick_later(void) {
  struct itimerspec next = {.it_value.tv_nsec = TICK_NS};
  timerfd_settime(timer, 0, &next, NULL);
  is_ticking = true;
}

// Lists a connection, by its number because it may close meanwhile. False when memory is exhausted.
static bool list(int64_t id) {
  pthread_mutex_lock(&lock);
  if (listed_count == listed_room) {
    size_t room = listed_room ? 2 * listed_room : 64;
    int64_t* larger = realloc(listed, room * sizeof *larger);
    if (larger) {
      listed = larger;
      listed_room = room;
    }
  }
  bool has_room = listed_count < listed_room;
  if (has_room) listed[listed_count++] = id;
  if (has_room && !is_ticking) tick_later();
  pthread_mutex_unlock(&lock);
  return has_room;
}

// Waits for what the connection needs next: room to send, or more to receive.
static void watch(tcp_connection* c) {
  bool receives = c->owner == TCP_AWAKE && c->held_count < TCP_BATCH && !c->ended;
  uint32_t events = (receives ? EPOLLIN : 0) | (c->queued > 0 && !c->lost ? EPOLLOUT : 0);
  if (events == 0) return tcp_progress_stop(c);
  struct epoll_event event = {.events = events | EPOLLONESHOT, .data.u64 = (uint64_t)c->id};
  int operation = c->is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  c->is_watched = epoll_ctl(epoll, operation, c->socket, &event) == 0;
}

void tcp_progress_later(tcp_connection* c) {
  if (c->is_watched) return watch(c);
  if (c->is_listed || !tcp_progress_runs()) return;
  c->polls_seen = c->polls;
  c->is_listed = list(c->id);
}

void tcp_progress_stop(tcp_connection* c) {
  if (c->is_watched) epoll_ctl(epoll, EPOLL_CTL_DEL, c->socket, NULL);
  c->is_watched = false;
}

// Returns the connection with its lock held, or NULL when it is closed, or in use, which `*is_used` tells.
static tcp_connection* enter(int64_t id, bool* is_used) {
  pthread_mutex_lock(&tcp_connections.lock);
  tcp_connection* c = table_get(&tcp_connections, id);
  *is_used = c && pthread_mutex_trylock(&c->lock) != 0;
  pthread_mutex_unlock(&tcp_connections.lock);
  return *is_used ? NULL : c;
}

static void take_over(tcp_connection* c) {
  tcp_flush(c);
  // Nobody is told here of what arrives, so a sleeping owner must find it in its socket.
  if (c->owner == TCP_AWAKE) c->held_count += tcp_receive(c, c->held + c->held_count, TCP_BATCH - c->held_count);
  watch(c);
}

static void look(int64_t id, bool is_tick) {
  bool is_used;
  tcp_connection* c = enter(id, &is_used);
  // Its owner is at it, perhaps without a poll.
  if (is_used) list(id);
  if (!c) return;
  if (is_tick) c->is_listed = false;
  bool may_arrive = c->owner == TCP_AWAKE && (c->missing > 0 || c->arriving.bytes > TCP_STAGED_BYTES);
  if (c->owner == TCP_BLOCKED || (c->queued == 0 && !may_arrive)) {
    tcp_progress_stop(c);
  } else if (c->polls == c->polls_seen) {
    take_over(c);
  } else {
    tcp_progress_stop(c);
    // An owner that only polls in vain needs nothing, until it has received some again.
    bool is_idle = c->queued == 0 && c->missing == 0 && tcp_now_ns() - c->active_ns > TICK_NS;
    if (!is_idle) tcp_progress_later(c);
  }
  pthread_mutex_unlock(&c->lock);
}

static void tick(void) {
  static int64_t* ids;
  static size_t room;
  uint64_t times;
  if (read(timer, &times, sizeof times) < 0) return;
  // Take the list, and leave the one of the last tick in its place.
  pthread_mutex_lock(&lock);
  int64_t* taken = listed;
  size_t count = listed_count, taken_room = listed_room;
  listed = ids;
  listed_count = 0;
  listed_room = room;
  ids = taken;
  room = taken_room;
  is_ticking = false;
  pthread_mutex_unlock(&lock);
  for (size_t i = 0; i < count; i++) look(ids[i], true);
}

static void* progress(void* unused) {
  for (;;) {
    struct epoll_event event;
    if (epoll_wait(epoll, &event, 1, -1) != 1) continue;
    if (event.data.u64 == TIMER) tick();
    else look((int64_t)event.data.u64, false);
  }
  return NULL;
}

// Returns whether the thread was started.
static bool start(void) {
  pthread_t thread;
  pthread_attr_t attributes;
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = TIMER};
  epoll = epoll_create1(EPOLL_CLOEXEC);
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  bool is_started = false;
  if (epoll >= 0 && timer >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) == 0) {
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 128 * 1024);
    is_started = pthread_create(&thread, &attributes, progress, NULL) == 0;
    pthread_attr_destroy(&attributes);
  }
  if (!is_started && epoll >= 0) close(epoll);
  if (!is_started && timer >= 0) close(timer);
  return is_started;
}

bool tcp_progress_runs(void) {
  if (atomic_load_explicit(&runs, memory_order_acquire)) return true;
  pthread_mutex_lock(&lock);
  if (!runs) atomic_store_explicit(&runs, start(), memory_order_release);
  pthread_mutex_unlock(&lock);
  return runs;
}
