// Watches descriptors on an event loop, and lets another thread wake that loop.
#pragma once
#include "memory.h"
#include "napi.h"

// Wakes the event loop of one thread. It lives as long as that thread has watches of channels.
typedef struct waker waker;
// May be called by any thread while the waker lives.
void waker_send(waker* w);

// What an object offers to be interrupted by any thread while an event loop watches its descriptor.
typedef struct {
  // Tells the object, by its number, whom its interrupts must wake; NULL for nobody.
  void (*set_waker)(int64_t id, waker* w);
  bool (*is_interrupted)(block* flags);
} interruptible;

// Calls back when the descriptor is readable and, where `kind` is not NULL, when the object `id`, whose flags are given,
// is interrupted. Returns the number of the watch or -errno.
int64_t watch_start(napi_env env, int fd, napi_value callback, const interruptible* kind, int64_t id, block* flags);
