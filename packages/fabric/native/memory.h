// Memory that JavaScript sees as an ArrayBuffer. Closing empties it, and its addresses stay harmless until nobody can hold
// one of them: a thread of Node's pool may be at work in a view of it while the event loop closes it.
#pragma once
#include "napi.h"
#include <stdatomic.h>

typedef struct {
  void* data;
  size_t bytes;
  atomic_int owners;
  bool is_empty;
  bool is_detached; // by us, and nobody had moved its memory into another buffer before
  bool stays;       // its addresses are never unmapped
} block;

// Maps anonymous memory (fd -1), or a memfd whose memory is there in full and cannot shrink: else our next read could be a
// SIGBUS. One owner. NULL with errno set on failure.
block* block_map(int fd, int64_t offset, size_t bytes);
// The addresses are unmapped with the last owner.
void block_release(block* b);
// An ArrayBuffer over the block. The buffer and the memory behind it, which can be moved into another buffer
// (ArrayBuffer.prototype.transfer), become an owner each. null when that fails.
napi_value block_buffer(napi_env env, block* b);
// Empties an ArrayBuffer of block_buffer: its length becomes 0, its memory goes back, its addresses hold zeroes of our own
// until nobody refers to the buffer or to memory that was moved out of it. Nothing happens to any other object.
void block_detach(napi_env env, napi_value buffer);
