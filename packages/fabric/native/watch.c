// Calls a function on the event loop when a descriptor becomes readable or, if asked, writable. Everything here belongs to one thread, apart
// from waker_send.
#include "watch.h"
#include "host.h"
#include "table.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

typedef struct watch {
  uv_poll_t poll; // first: a uv_handle_t* to it is a watch*
  napi_env env;
  napi_ref callback;
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  int64_t id;
  const interruptible* kind; // of the object that may be interrupted, or NULL
  int64_t object;
  block* flags;
  bool was_interrupted;
  struct watch* next; // of the same thread
  struct watch* previous;
} watch;

struct waker {
  uv_async_t async; // first: a uv_handle_t* to it is a waker*
  int watches;
};

static table numbers = TABLE_INIT;
static _Thread_local watch* watches;
static _Thread_local waker* own_waker;

static void on_waker_closed(uv_handle_t* handle) { free(handle); }

static void waker_release(const interruptible* kind, int64_t object) {
  // Unset it first: the waker may be closed below, and no other thread may use it then.
  kind->set_waker(object, NULL);
  if (--own_waker->watches > 0) return;
  uv_close((uv_handle_t*)&own_waker->async, on_waker_closed);
  own_waker = NULL;
}

static void on_closed(uv_handle_t* handle) {
  watch* w = (watch*)handle;
  napi_remove_async_cleanup_hook(w->cleanup);
  free(w);
}

static void stop(watch* w) {
  table_remove(&numbers, w->id);
  if (w->next) w->next->previous = w->previous;
  *(w->previous ? &w->previous->next : &watches) = w->next;
  if (w->kind) {
    waker_release(w->kind, w->object);
    block_release(w->flags);
  }
  napi_delete_reference(w->env, w->callback);
  napi_async_destroy(w->env, w->context);
  uv_poll_stop(&w->poll);
  uv_close((uv_handle_t*)&w->poll, on_closed);
}

static watch* find(napi_env env, int64_t id) {
  watch* w = table_get(&numbers, id);
  return w && w->env == env ? w : NULL;
}

// A watch that was stopped before, and whose handle is not closed yet, has no number any more.
static void on_thread_end(napi_async_cleanup_hook_handle handle, void* data) {
  watch* w = data;
  if (find(w->env, w->id) == w) stop(w);
}

static void call_back(watch* w) {
  napi_env env = w->env;
  napi_handle_scope scope;
  napi_value receiver, callback, result;
  napi_open_handle_scope(env, &scope);
  napi_get_reference_value(env, w->callback, &callback);
  napi_get_global(env, &receiver);
  if (napi_make_callback(env, w->context, receiver, callback, 0, NULL, &result) == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(env, &error);
    napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, scope);
}

static void on_event(uv_poll_t* poll, int status, int events) { call_back((watch*)poll); }

// A callback may stop any watch, so all interrupted watches are marked first, and the list is searched anew after each
// call.
static void on_woken(uv_async_t* async) {
  watch* w;
  for (w = watches; w; w = w->next) w->was_interrupted = w->kind && w->kind->is_interrupted(w->flags);
  for (;;) {
    for (w = watches; w && !w->was_interrupted; w = w->next) continue;
    if (!w) return;
    w->was_interrupted = false;
    call_back(w);
  }
}

// Adds a user of the thread's waker, which is created when there is none yet. Returns 0 or a negative error.
static int waker_acquire(uv_loop_t* loop) {
  if (!own_waker) {
    waker* made = calloc(1, sizeof *made);
    if (!made) return -ENOMEM;
    int error = uv_async_init(loop, &made->async, on_woken);
    if (error < 0) {
      free(made);
      return error;
    }
    uv_unref((uv_handle_t*)&made->async);
    own_waker = made;
  }
  own_waker->watches++;
  return 0;
}

void waker_send(waker* w) { uv_async_send(&w->async); }

int64_t watch_start(napi_env env, int fd, napi_value callback, const interruptible* kind, int64_t object, block* flags) {
  uv_loop_t* loop;
  napi_value name;
  watch* w = calloc(1, sizeof *w);
  if (!w) return -ENOMEM;
  w->env = env;
  w->id = table_add(&numbers, w);
  napi_get_uv_event_loop(env, &loop);
  int error = !w->id ? -ENOMEM : kind ? waker_acquire(loop) : 0;
  if (error == 0) {
    error = uv_poll_init(loop, &w->poll, fd);
    if (error < 0 && kind) waker_release(kind, object);
  }
  if (error < 0) {
    table_remove(&numbers, w->id);
    free(w);
    return error;
  }
  if (kind) {
    atomic_fetch_add(&flags->owners, 1);
    w->kind = kind;
    w->object = object;
    w->flags = flags;
    kind->set_waker(object, own_waker);
  }
  napi_create_string_utf8(env, "rfaas.fabric", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, NULL, name, &w->context);
  napi_create_reference(env, callback, 1, &w->callback);
  napi_add_async_cleanup_hook(env, on_thread_end, w, &w->cleanup);
  w->next = watches;
  if (watches) watches->previous = w;
  watches = w;
  uv_unref((uv_handle_t*)&w->poll);
  error = uv_poll_start(&w->poll, UV_READABLE, on_event);
  if (error == 0) return w->id;
  stop(w);
  return error;
}

// (descriptor, callback) → number of the watch, or -errno. Does not keep the process alive until watchReference says
// so.
napi_value watchStart(napi_env env, napi_callback_info info) {
  ARGS(2);
  return number(env, watch_start(env, (int)int_of(env, arg[0]), arg[1], NULL, 0, NULL));
}

// (watch, 1 or 0): sets whether the watch keeps the process alive.
napi_value watchReference(napi_env env, napi_callback_info info) {
  ARGS(2);
  watch* w = find(env, int_of(env, arg[0]));
  if (!w) return number(env, -EBADF);
  if (int_of(env, arg[1])) uv_ref((uv_handle_t*)&w->poll);
  else uv_unref((uv_handle_t*)&w->poll);
  return number(env, 0);
}

// (watch, 1 or 0): sets whether it calls back when the descriptor is writable too, which it does not at first.
napi_value watchWritable(napi_env env, napi_callback_info info) {
  ARGS(2);
  watch* w = find(env, int_of(env, arg[0]));
  if (!w) return number(env, -EBADF);
  int events = int_of(env, arg[1]) ? UV_READABLE | UV_WRITABLE : UV_READABLE;
  return number(env, uv_poll_start(&w->poll, events, on_event));
}

// (watch): stops it; must be called before its descriptor is closed.
napi_value watchStop(napi_env env, napi_callback_info info) {
  ARGS(1);
  watch* w = find(env, int_of(env, arg[0]));
  if (w) stop(w);
  return number(env, w ? 0 : -EBADF);
}
