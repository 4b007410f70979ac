// The functions that libfabric exports, under their own names: each calls the one in the opened library. Everything else
// of its interface is inline in its headers and goes through the tables of functions that these return.
#include "ofi_library.h"
#include <dlfcn.h>
#include <pthread.h>
#include <rdma/fabric.h>
#include <stdio.h>

static struct {
  uint32_t (*version)(void);
  const char* (*strerror)(int error);
  int (*getinfo)(uint32_t version, const char* node, const char* service, uint64_t flags, const struct fi_info* hints,
                 struct fi_info** info);
  void (*freeinfo)(struct fi_info* info);
  struct fi_info* (*dupinfo)(const struct fi_info* info);
  int (*fabric)(struct fi_fabric_attr* attributes, struct fid_fabric** fabric, void* context);
} library;

static char reason[256];

static void open_library(void) {
  const struct {
    const char* name;
    void* place;
  } functions[] = {
      {"fi_version", &library.version},   {"fi_strerror", &library.strerror}, {"fi_getinfo", &library.getinfo},
      {"fi_freeinfo", &library.freeinfo}, {"fi_dupinfo", &library.dupinfo},   {"fi_fabric", &library.fabric},
  };
  // Never closed: its drivers start threads. Its symbols are nobody else's business.
  void* handle = dlopen("libfabric.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    snprintf(reason, sizeof reason, "%s", dlerror());
    return;
  }
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    void* found = dlsym(handle, functions[i].name);
    *(void**)functions[i].place = found;
    if (!found) snprintf(reason, sizeof reason, "libfabric.so.1 has no function %s", functions[i].name);
  }
}

const char* ofi_library_open(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, open_library);
  return reason[0] ? reason : NULL;
}

uint32_t fi_version(void) { return library.version(); }

const char* fi_strerror(int error) { return library.strerror(error); }

int fi_getinfo(uint32_t version, const char* node, const char* service, uint64_t flags, const struct fi_info* hints,
               struct fi_info** info) {
  return library.getinfo(version, node, service, flags, hints, info);
}

void fi_freeinfo(struct fi_info* info) { library.freeinfo(info); }

struct fi_info* fi_dupinfo(const struct fi_info* info) { return library.dupinfo(info); }

int fi_fabric(struct fi_fabric_attr* attributes, struct fid_fabric** fabric, void* context) {
  return library.fabric(attributes, fabric, context);
}
