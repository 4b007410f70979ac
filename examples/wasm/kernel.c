// A module of functions in C, without a library:
//
//   clang --target=wasm32 -O3 -mbulk-memory -nostdlib -Wl,--no-entry -o kernel.wasm kernel.c

#define EXPORT(name) __attribute__((export_name(name)))

typedef unsigned int u32;

/* Numbers: `await lease.call.mix(a, b, t)`. */
EXPORT("mix") double mix(double a, double b, double t) {
  return a + (b - a) * t;
}

/*
 * Bytes: `await lease.call.raw_histogram(pixels)`. The name begins with `raw_`. rfaas puts the input into the module's memory,
 * says where it wants the result and how much room it has, and takes as many bytes from there as the function returns.
 */
EXPORT("raw_histogram") u32 histogram(const unsigned char* in, u32 bytes, u32* out, u32 room) {
  if (room < 256 * sizeof *out) __builtin_trap();
  for (u32 i = 0; i < 256; i++) out[i] = 0;
  for (u32 i = 0; i < bytes; i++) out[in[i]]++;
  return 256 * sizeof *out;
}
