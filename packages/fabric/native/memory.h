// Memory that JavaScript sees as an ArrayBuffer. Closing empties it, and its addresses stay harmless until nothing can
// refer to them: a thread of Node's pool may be using a view of it while the event loop closes it.
#pragma once
#include "napi.h"
#include <stdatomic.h>

typedef struct {
  void* data;
  size_t bytes;
  atomic_int owners;
  bool is_empty;
  bool is_detached; // by us, before its memory was moved into another buffer
  bool stays;       // its addresses are never unmapped
} block;

// Maps anonymous memory (fd -1), or a memfd that has its full size and cannot shrink: otherwise our next read could
// raise SIGBUS. The block has one owner. NULL with errno set on failure.
block* block_map(int fd, int64_t offset, size_t bytes);
// Reserves anonymous memory that is not counted before it is used, also where the kernel grants no more memory than it has
// (vm.overcommit_memory 2). The block has one owner. NULL with errno set on failure.
block* block_reserve(size_t bytes);
// Gives up one ownership. The last owner unmaps the addresses, unless they stay.
void block_release(block* b);
// Creates an ArrayBuffer over the block. The buffer, and the memory behind it, which can be moved into another buffer
// (ArrayBuffer.prototype.transfer), become an owner each. null on failure.
napi_value block_buffer(napi_env env, block* b);
// Empties an ArrayBuffer of block_buffer: its length becomes 0, its memory is given back, and its addresses hold
// private zeroes until nothing refers to the buffer or to memory that was moved out of it. Has no effect on any other
// object.
void block_detach(napi_env env, napi_value buffer);

// Defines a native function: (number of an object in a table) → the ArrayBuffer over one of its blocks, or null.
#define BUFFER_OF(name, type, objects, field)                                                                          \
  napi_value name(napi_env env, napi_callback_info info) {                                                             \
    ARGS(1);                                                                                                           \
    type* object = table_get(&objects, int_of(env, arg[0]));                                                           \
    return object ? block_buffer(env, object->field) : null_value(env);                                                \
  }
