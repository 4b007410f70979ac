#include "memory.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static const napi_type_tag BLOCK_TAG = {0x72666161735f626cULL, 0x6f636b5f76310001ULL};

// Only tmpfs: in huge pages and other kinds of memory, holes that a peer makes cannot always be filled again, which
// raises SIGBUS too.
static bool is_whole(int fd, int64_t end) {
  struct stat file;
  struct statfs system;
  int seals = fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & F_SEAL_SHRINK) && fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && file.st_size >= end &&
         fstatfs(fd, &system) == 0 && system.f_type == TMPFS_MAGIC;
}

static block* block_of(size_t bytes, int flags, int fd, int64_t offset) {
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

block* block_map(int fd, int64_t offset, size_t bytes) {
  if (fd >= 0 && !is_whole(fd, offset + (int64_t)bytes)) {
    errno = EINVAL;
    return NULL;
  }
  return block_of(bytes, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, offset);
}

block* block_reserve(size_t bytes) {
  block* b = block_of(bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (b) return b;
  // Pages of a memfd are counted one by one, when they are used.
  int fd = memfd_create("rfaas", MFD_CLOEXEC);
  if (fd < 0) return NULL;
  if (ftruncate(fd, (off_t)bytes) == 0) b = block_of(bytes, MAP_SHARED, fd, 0);
  int error = errno;
  close(fd);
  errno = error;
  return b;
}

// Gives the memory back at once and leaves private zeroes at its addresses, for threads that still read or write there.
static void make_empty(block* b) {
  if (b->is_empty) return;
  b->is_empty = true;
  // MAP_FIXED replaces the mapping in one step: no other thread can find the addresses unmapped. When the kernel
  // refuses it, the old memory stays, which is as harmless.
  int flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  (void)!mmap(b->data, b->bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
}

void block_release(block* b) {
  if (atomic_fetch_sub(&b->owners, 1) > 1) return;
  if (b->stays) make_empty(b);
  else munmap(b->data, b->bytes);
  free(b);
}

// Whether the thread has begun to end: Node then refuses every call that could run JavaScript.
static bool is_ending(napi_env env) {
  napi_value nothing;
  bool same;
  return napi_get_undefined(env, &nothing) != napi_ok || napi_strict_equals(env, nothing, nothing, &same) != napi_ok;
}

// Called when the memory behind the buffer is gone, or when its thread ends. In the latter case memory that was moved
// may live on in another thread, and Node does not tell us when it is gone, so the addresses stay.
static void on_memory_gone(napi_env env, void* data, void* hint) {
  block* b = hint;
  if (is_ending(env) && !b->is_detached) b->stays = true;
  block_release(b);
}

// Called when nothing refers to the buffer any more, not even a request in the thread pool, each of which refers to its
// view.
static void on_buffer_gone(napi_env env, void* data, void* hint) {
  block_release(data);
}

napi_value block_buffer(napi_env env, block* b) {
  napi_value buffer = NULL;
  atomic_fetch_add(&b->owners, 1);
  if (napi_create_external_arraybuffer(env, b->data, b->bytes, on_memory_gone, b, &buffer) != napi_ok) {
    block_release(b);
    return null_value(env);
  }
  atomic_fetch_add(&b->owners, 1);
  if (napi_wrap(env, buffer, b, on_buffer_gone, NULL, NULL) != napi_ok) {
    block_release(b);
    napi_detach_arraybuffer(env, buffer);
    return null_value(env);
  }
  napi_type_tag_object(env, buffer, &BLOCK_TAG);
  return buffer;
}

void block_detach(napi_env env, napi_value buffer) {
  block* b;
  bool is_ours = false, was_moved = true;
  napi_check_object_type_tag(env, buffer, &BLOCK_TAG, &is_ours);
  if (!is_ours || napi_unwrap(env, buffer, (void**)&b) != napi_ok) return;
  napi_is_detached_arraybuffer(env, buffer, &was_moved);
  if (!was_moved) {
    b->is_detached = true;
    napi_detach_arraybuffer(env, buffer);
  }
  make_empty(b);
}
