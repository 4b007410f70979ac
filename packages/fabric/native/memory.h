// Memory that JavaScript sees as an ArrayBuffer and that outlives neither its last user nor its close.
#pragma once
#include "napi.h"
#include <stdatomic.h>

typedef struct {
  void* data;
  size_t bytes;
  atomic_int owners;
} block;

// Maps anonymous memory (fd -1), or a descriptor whose memory is there in full and cannot shrink: else our next read
// could be a SIGBUS. One owner. NULL with errno set on failure.
block* block_map(int fd, int64_t offset, size_t bytes);
void block_release(block* b);
// An ArrayBuffer over the block, which becomes one more owner of it.
napi_value block_buffer(napi_env env, block* b);
