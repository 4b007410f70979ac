// Helpers that every native function needs: numbers and buffers in, a number out. Nothing here throws except on a call
// that our own TypeScript can never make; failures of the system are returned as a negative errno.
#pragma once
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

typedef napi_value function(napi_env env, napi_callback_info info);

#define ARGS(n)                                                                                                        \
  napi_value arg[n];                                                                                                   \
  size_t arg_count = n;                                                                                                \
  napi_get_cb_info(env, info, &arg_count, arg, NULL, NULL)

static inline int64_t int_of(napi_env env, napi_value value) {
  int64_t result = 0;
  napi_get_value_int64(env, value, &result);
  return result;
}

static inline double double_of(napi_env env, napi_value value) {
  double result = 0;
  napi_get_value_double(env, value, &result);
  return result;
}

static inline napi_value number(napi_env env, int64_t value) {
  napi_value result = NULL;
  napi_create_int64(env, value, &result);
  return result;
}

static inline napi_value null_value(napi_env env) {
  napi_value result = NULL;
  napi_get_null(env, &result);
  return result;
}

// A time limit that is not negative.
static inline struct timespec timespec_of(double ms) {
  struct timespec result = {.tv_sec = (time_t)(ms / 1000)};
  result.tv_nsec = (long)((ms - (double)result.tv_sec * 1000) * 1e6);
  return result;
}

typedef struct {
  void* data;
  size_t bytes;
} span;

// The bytes of a typed array; empty for null.
static inline span span_of(napi_env env, napi_value value) {
  span result = {NULL, 0};
  napi_typedarray_type type;
  size_t length = 0;
  if (napi_get_typedarray_info(env, value, &type, &length, &result.data, NULL, NULL) != napi_ok) return (span){NULL, 0};
  result.bytes = type == napi_int32_array || type == napi_uint32_array ? length * 4 : length;
  return result;
}

static inline void string_of(napi_env env, napi_value value, char* out, size_t size) {
  size_t length = 0;
  out[0] = 0;
  napi_get_value_string_utf8(env, value, out, size, &length);
}

#define EXPORT(name)                                                                                                   \
  { #name, NULL, name, NULL, NULL, NULL, napi_enumerable, NULL }
