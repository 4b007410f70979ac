#include "memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static bool is_whole(int fd, int64_t end) {
  int seals = fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & F_SEAL_SHRINK) && lseek(fd, 0, SEEK_END) >= end;
}

block* block_map(int fd, int64_t offset, size_t bytes) {
  if (fd >= 0 && !is_whole(fd, offset + (int64_t)bytes)) {
    errno = EINVAL;
    return NULL;
  }
  int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  void* data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, offset);
  if (data == MAP_FAILED) return NULL;
  block* b = malloc(sizeof *b);
  if (!b) {
    munmap(data, bytes);
    errno = ENOMEM;
    return NULL;
  }
  *b = (block){.data = data, .bytes = bytes, .owners = 1};
  return b;
}

void block_release(block* b) {
  if (atomic_fetch_sub(&b->owners, 1) > 1) return;
  munmap(b->data, b->bytes);
  free(b);
}

static void finalize(napi_env env, void* data, void* hint) { block_release(hint); }

napi_value block_buffer(napi_env env, block* b) {
  napi_value buffer = NULL;
  atomic_fetch_add(&b->owners, 1);
  if (napi_create_external_arraybuffer(env, b->data, b->bytes, finalize, b, &buffer) != napi_ok) {
    block_release(b);
    return null_value(env);
  }
  return buffer;
}
