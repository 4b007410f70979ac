/* What reading the clock costs: every sample of the other floors holds one such reading. */
#include "floor.h"

int main(int argc, char **argv) {
  struct floor_options options = floor_parse(argc, argv);
  uint64_t begin_ns = floor_now_ns();
  for (uint32_t trip = 0; trip < options.warmup + options.trips; trip++) begin_ns = floor_record(trip, begin_ns);
  floor_finish();
}
