// Process-wide objects by number, so that any thread can name one. Numbers are never used again: a stale one finds
// nothing. Only the thread that owns an object may use what `table_get` gives it without the lock; every other thread
// holds the lock while it uses one, and the owner takes it to remove one.
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

enum { TABLE_CHUNK = 1024, TABLE_CHUNKS = 4096 };

typedef struct {
  pthread_mutex_t lock;
  _Atomic(_Atomic(void*)*) chunks[TABLE_CHUNKS];
  int64_t count;
} table;

#define TABLE_INIT {.lock = PTHREAD_MUTEX_INITIALIZER}

// The number of the item, from 1; 0 when memory or numbers are out.
static inline int64_t table_add(table* t, void* item) {
  pthread_mutex_lock(&t->lock);
  int64_t index = t->count, chunk = index / TABLE_CHUNK, id = 0;
  if (chunk < TABLE_CHUNKS) {
    if (!t->chunks[chunk]) t->chunks[chunk] = calloc(TABLE_CHUNK, sizeof(void*));
    if (t->chunks[chunk]) {
      t->chunks[chunk][index % TABLE_CHUNK] = item;
      id = ++t->count;
    }
  }
  pthread_mutex_unlock(&t->lock);
  return id;
}

static inline void* table_get(table* t, int64_t id) {
  if (id < 1 || id > (int64_t)TABLE_CHUNK * TABLE_CHUNKS) return NULL;
  _Atomic(void*)* chunk = t->chunks[(id - 1) / TABLE_CHUNK];
  return chunk ? chunk[(id - 1) % TABLE_CHUNK] : NULL;
}

static inline void* table_remove(table* t, int64_t id) {
  pthread_mutex_lock(&t->lock);
  void* item = table_get(t, id);
  if (item) t->chunks[(id - 1) / TABLE_CHUNK][(id - 1) % TABLE_CHUNK] = NULL;
  pthread_mutex_unlock(&t->lock);
  return item;
}
