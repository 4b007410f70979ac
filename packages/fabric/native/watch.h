// Watches descriptors on an event loop, and lets another thread wake that loop.
#pragma once
#include "memory.h"
#include "napi.h"

// Wakes the event loop of one thread. It lives as long as that thread has watches of channels.
typedef struct waker waker;
// May be called by any thread while the waker lives.
void waker_send(waker* w);

// Calls back when the descriptor is readable and, for a channel (`flags` not NULL), when it was interrupted. Returns
// the number of the watch or -errno.
int64_t watch_start(napi_env env, int fd, napi_value callback, int64_t channel, block* flags);

// channel.c
void channel_set_waker(int64_t id, waker* w);
bool channel_is_interrupted(block* flags);
