/* What a design that copies pays: the payload goes from private into shared memory, out of it, and back again. */
#include "floor.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct window {
  _Alignas(CACHE_LINE_BYTES) _Atomic uint32_t trip;
  _Alignas(CACHE_LINE_BYTES) unsigned char payload[];
};

static void await_trip(struct window *window, uint32_t trip) {
  while (atomic_load_explicit(&window->trip, memory_order_acquire) != trip) floor_spin();
}

static void publish(struct window *window, const void *payload, size_t bytes, uint32_t trip) {
  memcpy(window->payload, payload, bytes);
  atomic_store_explicit(&window->trip, trip, memory_order_release);
}

int main(int argc, char **argv) {
  struct floor_options options = floor_parse(argc, argv);
  size_t bytes = options.payload_bytes;
  uint32_t trips = options.warmup + options.trips;
  size_t window_bytes = sizeof(struct window) + bytes;
  struct window *request = floor_shared(window_bytes), *reply = floor_shared(window_bytes);
  unsigned char *own = aligned_alloc(CACHE_LINE_BYTES, (bytes / CACHE_LINE_BYTES + 1) * CACHE_LINE_BYTES);
  if (own == NULL) floor_fail("allocate the payload", "out of memory");
  memset(own, 0x5a, bytes);

  if (floor_fork() == FLOOR_SERVER) {
    for (uint32_t trip = 1;; trip++) {
      await_trip(request, trip);
      memcpy(own, request->payload, bytes);
      publish(reply, own, bytes, trip);
    }
  }

  uint64_t begin_ns = floor_now_ns();
  for (uint32_t trip = 1; trip <= trips; trip++) {
    publish(request, own, bytes, trip);
    await_trip(reply, trip);
    memcpy(own, reply->payload, bytes);
    begin_ns = floor_record(trip - 1, begin_ns);
  }
  if (bytes > 0 && own[bytes - 1] != 0x5a) floor_fail("check the payload", "it came back changed");
  floor_finish();
}
