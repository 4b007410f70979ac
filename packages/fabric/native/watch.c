// Calls a function on the event loop when a descriptor becomes readable. Everything here belongs to one thread.
#include "local.h"
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
  int drain; // the descriptor of an event counter to reset, or -1
  int64_t id;
  struct watch* next;
} watch;

static _Thread_local watch* watches;
static _Thread_local int64_t last_id;

static void on_closed(uv_handle_t* handle) {
  watch* w = (watch*)handle;
  napi_remove_async_cleanup_hook(w->cleanup);
  free(w);
}

static void stop(watch* w) {
  for (watch** p = &watches; *p; p = &(*p)->next) {
    if (*p != w) continue;
    *p = w->next;
    napi_delete_reference(w->env, w->callback);
    napi_async_destroy(w->env, w->context);
    uv_poll_stop(&w->poll);
    uv_close((uv_handle_t*)&w->poll, on_closed);
    return;
  }
}

static void on_thread_end(napi_async_cleanup_hook_handle handle, void* data) { stop(data); }

static void on_readable(uv_poll_t* poll, int status, int events) {
  watch* w = (watch*)poll;
  napi_env env = w->env;
  napi_handle_scope scope;
  napi_value receiver, callback, result;
  uint64_t count;
  if (w->drain >= 0 && read(w->drain, &count, sizeof count) < 0 && errno == EAGAIN) return;
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

static watch* find(int64_t id) {
  watch* w = watches;
  while (w && w->id != id) w = w->next;
  return w;
}

// (descriptor, drain: whether it is an event counter to reset, callback) → number of the watch, or -errno. Does not
// keep the process alive until watchReference says so.
napi_value watchStart(napi_env env, napi_callback_info info) {
  ARGS(3);
  uv_loop_t* loop;
  napi_value name;
  watch* w = calloc(1, sizeof *w);
  if (!w) return number(env, -ENOMEM);
  int fd = (int)int_of(env, arg[0]);
  w->env = env;
  w->drain = int_of(env, arg[1]) ? fd : -1;
  w->id = ++last_id;
  napi_get_uv_event_loop(env, &loop);
  int error = uv_poll_init(loop, &w->poll, fd);
  if (error < 0) {
    free(w);
    return number(env, error);
  }
  napi_create_string_utf8(env, "rfaas.fabric", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, NULL, name, &w->context);
  napi_create_reference(env, arg[2], 1, &w->callback);
  napi_add_async_cleanup_hook(env, on_thread_end, w, &w->cleanup);
  w->next = watches;
  watches = w;
  uv_unref((uv_handle_t*)&w->poll);
  uv_poll_start(&w->poll, UV_READABLE, on_readable);
  return number(env, w->id);
}

// (watch, 1 or 0): whether it keeps the process alive.
napi_value watchReference(napi_env env, napi_callback_info info) {
  ARGS(2);
  watch* w = find(int_of(env, arg[0]));
  if (!w) return number(env, -EBADF);
  if (int_of(env, arg[1])) uv_ref((uv_handle_t*)&w->poll);
  else uv_unref((uv_handle_t*)&w->poll);
  return number(env, 0);
}

// (watch): before its descriptor is closed.
napi_value watchStop(napi_env env, napi_callback_info info) {
  ARGS(1);
  watch* w = find(int_of(env, arg[0]));
  if (w) stop(w);
  return number(env, w ? 0 : -EBADF);
}
