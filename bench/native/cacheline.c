/* The floor of all floors: one word of one cache line goes to the other core and back. */
#include "floor.h"

#include <stdatomic.h>

int main(int argc, char **argv) {
  struct floor_options options = floor_parse(argc, argv);
  uint32_t trips = options.warmup + options.trips;
  _Atomic uint32_t *word = floor_shared(CACHE_LINE_BYTES);

  if (floor_fork() == FLOOR_SERVER) {
    for (uint32_t trip = 0;; trip++) {
      while (atomic_load_explicit(word, memory_order_acquire) != 2 * trip + 1) floor_spin();
      atomic_store_explicit(word, 2 * trip + 2, memory_order_release);
    }
  }

  uint64_t begin_ns = floor_now_ns();
  for (uint32_t trip = 0; trip < trips; trip++) {
    atomic_store_explicit(word, 2 * trip + 1, memory_order_release);
    while (atomic_load_explicit(word, memory_order_acquire) != 2 * trip + 2) floor_spin();
    begin_ns = floor_record(trip, begin_ns);
  }
  floor_finish();
}
