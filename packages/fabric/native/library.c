// Functions of shared libraries that users bring, called on bytes in place.
#include "host.h"
#include "table.h"
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>

// Reads `in_bytes` at `in`, writes its result at `out`, and returns how many bytes that has.
typedef uint32_t library_function(void* in, uint32_t in_bytes, void* out);

enum { NAME_BYTES = 1024 };

// Nothing is ever removed: code of a library may run in threads of its own.
static table libraries = TABLE_INIT, functions = TABLE_INIT;

// (path, reasonOut) → number of the library, from 1; 0 when it does not load: reasonOut has the dynamic linker's reason,
// ended by a zero. Opened again it is the same library in memory.
napi_value libraryOpen(napi_env env, napi_callback_info info) {
  ARGS(2);
  char path[PATH_MAX];
  string_of(env, arg[0], path, sizeof path);
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  int64_t id = library ? table_add(&libraries, library) : 0;
  if (id) return number(env, id);
  span reason = span_of(env, arg[1]);
  const char* text = library ? "too many libraries are open" : dlerror();
  if (reason.bytes) snprintf(reason.data, reason.bytes, "%s", text ? text : "no reason given");
  return number(env, 0);
}

// (library, name) → number of the function, from 1; 0 when the library has none of that name.
napi_value libraryFunction(napi_env env, napi_callback_info info) {
  ARGS(2);
  void* library = table_get(&libraries, int_of(env, arg[0]));
  char name[NAME_BYTES];
  string_of(env, arg[1], name, sizeof name);
  void* found = library && name[0] ? dlsym(library, name) : NULL;
  return number(env, found ? table_add(&functions, found) : 0);
}

// (function, input, output) → what the function returns, 0 to 2^32 - 1; -1 when there is no such function. It gets the
// addresses of both views, and nothing keeps it within them.
napi_value libraryCall(napi_env env, napi_callback_info info) {
  ARGS(3);
  void* found = table_get(&functions, int_of(env, arg[0]));
  if (!found) return number(env, -1);
  span in = span_of(env, arg[1]), out = span_of(env, arg[2]);
  return number(env, ((library_function*)found)(in.data, (uint32_t)in.bytes, out.data));
}
