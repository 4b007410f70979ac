// Functions in native code:
//
//   cc -O3 -shared -fPIC -fvisibility=hidden -o kernels.so kernels.c
//
// Each reads `size` bytes at `in`, writes its result at `out`, and returns how many bytes that has. rfaas does not copy: both
// are the worker's memory, which the client writes and reads. Only what is exported can be invoked.
#include <stdint.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* The bytes as they came. */
EXPORT uint32_t echo(void *in, uint32_t size, void *out) {
  memcpy(out, in, size);
  return size;
}

/* a·x + y of floats: the number a, then all of x, then all of y. */
EXPORT uint32_t saxpy(void *in, uint32_t size, void *out) {
  if (size < sizeof(float)) return 0;
  const uint32_t count = (size - sizeof(float)) / (2 * sizeof(float));
  const float a = *(const float *)in, *x = (const float *)in + 1, *y = x + count;
  float *result = out;
  for (uint32_t i = 0; i < count; i++) result[i] = a * x[i] + y[i];
  return count * sizeof(float);
}

typedef struct {
  uint32_t width, height;
  uint8_t pixels[];
} image;

/* An image of grey pixels in half its width and height: each pixel is the mean of four. */
EXPORT uint32_t thumbnail(void *in, uint32_t size, void *out) {
  const image *from = in;
  image *to = out;
  // What the sizes say must be there.
  if (size < sizeof *from || (uint64_t)from->width * from->height > size - sizeof *from) return 0;
  const uint32_t width = from->width / 2, height = from->height / 2;
  to->width = width;
  to->height = height;
  for (uint32_t row = 0; row < height; row++) {
    const uint8_t *upper = from->pixels + 2 * row * (uint64_t)from->width, *lower = upper + from->width;
    for (uint32_t i = 0; i < width; i++)
      to->pixels[row * width + i] = (upper[2 * i] + upper[2 * i + 1] + lower[2 * i] + lower[2 * i + 1] + 2) / 4;
  }
  return sizeof *to + width * height;
}
