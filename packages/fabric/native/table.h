// Process-wide objects by number, so that any thread can refer to one. A place is used again, its number is not: the
// number encodes how often the place was used, so a stale number finds nothing. Only the thread that owns an object may
// use the result of `table_get` without the lock; every other thread holds the lock while it uses an object, and the
// owner takes the lock to remove it.
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

enum { TABLE_CHUNK = 1024, TABLE_CHUNKS = 4096, TABLE_PLACES = TABLE_CHUNK * TABLE_CHUNKS };

// The largest number that is exact in JavaScript. A place whose next number would be larger is not used again.
#define TABLE_ID_MAX ((INT64_C(1) << 53) - 1)

typedef struct {
  _Atomic(void*) item;
  _Atomic int64_t id; // of the item that is here, or was here last
  int64_t next_free;  // the id of the next free place, or 0
} table_place;

typedef struct {
  pthread_mutex_t lock;
  _Atomic(table_place*) chunks[TABLE_CHUNKS];
  int64_t used; // places that were ever used
  int64_t free; // the id of the place that is used next, or 0
} table;

#define TABLE_INIT {.lock = PTHREAD_MUTEX_INITIALIZER}

static inline table_place* table_place_of(table* t, int64_t id) {
  if (id < 1 || id > TABLE_ID_MAX) return NULL;
  int64_t place = (id - 1) % TABLE_PLACES;
  table_place* chunk = t->chunks[place / TABLE_CHUNK];
  return chunk ? chunk + place % TABLE_CHUNK : NULL;
}

// Returns the number of the item, from 1; 0 when memory or places are exhausted.
static inline int64_t table_add(table* t, void* item) {
  int64_t id = 0;
  pthread_mutex_lock(&t->lock);
  if (t->free) {
    id = t->free;
    t->free = table_place_of(t, id)->next_free;
  } else if (t->used < TABLE_PLACES) {
    int64_t chunk = t->used / TABLE_CHUNK;
    if (!t->chunks[chunk]) t->chunks[chunk] = calloc(TABLE_CHUNK, sizeof(table_place));
    if (t->chunks[chunk]) id = ++t->used;
  }
  if (id) {
    table_place* place = table_place_of(t, id);
    // Store `id` before `item`: table_get, which takes no lock, loads them in the other order.
    place->id = id;
    place->item = item;
  }
  pthread_mutex_unlock(&t->lock);
  return id;
}

static inline void* table_get(table* t, int64_t id) {
  table_place* place = table_place_of(t, id);
  if (!place) return NULL;
  void* item = place->item;
  return place->id == id ? item : NULL;
}

static inline void* table_remove(table* t, int64_t id) {
  pthread_mutex_lock(&t->lock);
  void* item = table_get(t, id);
  if (item) {
    table_place* place = table_place_of(t, id);
    place->item = NULL;
    if (id <= TABLE_ID_MAX - TABLE_PLACES) {
      place->next_free = t->free;
      t->free = id + TABLE_PLACES;
    }
  }
  pthread_mutex_unlock(&t->lock);
  return item;
}
