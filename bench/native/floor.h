/* What every floor shares: two processes that are pinned, bounded in time and dead when the parent is. */
#ifndef FLOOR_H
#define FLOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CACHE_LINE_BYTES 64

struct floor_options {
  size_t payload_bytes;
  uint32_t trips;
  uint32_t warmup;
  /* only for libfabric */
  const char *provider;
};

/* Which of the two processes this one is, after floor_fork. */
enum floor_side { FLOOR_CLIENT, FLOOR_SERVER };

/* PROGRAM PAYLOAD_BYTES TRIPS WARMUP [PROVIDER] */
struct floor_options floor_parse(int argc, char **argv);

/* Forks the server. Each side gets a core when there are two; both end with the other, and in bounded time. */
enum floor_side floor_fork(void);

/* Memory that both sides of a later floor_fork see, zeroed and touched. */
void *floor_shared(size_t bytes);

/* Keeps trip number `trip`, which began at `begin_ns` and has just ended; returns its end, the begin of the next. */
uint64_t floor_record(uint32_t trip, uint64_t begin_ns);

/* Prints every kept trip, one a line, in nanoseconds, and ends the process and its server. */
_Noreturn void floor_finish(void);

/* Ends with a sentence on stderr. */
_Noreturn void floor_fail(const char *action, const char *reason);

/* fails with errno's reason when `result` is negative */
int floor_check(long result, const char *action);

static inline uint64_t floor_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

extern bool floor_one_core;
void floor_yield(void);

/* Inside every spin. With a core for each side it does nothing: `pause` alone costs about 40 ns on recent Intel. */
static inline void floor_spin(void) {
  if (__builtin_expect(floor_one_core, 0)) floor_yield();
}

#endif
