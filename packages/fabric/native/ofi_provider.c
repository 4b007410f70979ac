// What we require of a provider, in one place: immediates of 4 bytes, posted receives where the provider wants them, keys
// that the provider chooses or that cannot be guessed.
#include "ofi.h"
#include <stdio.h>
#include <string.h>

table ofi_connections = TABLE_INIT;
table ofi_listeners = TABLE_INIT;

static const char PROVIDER[] = "verbs";

struct fi_info* ofi_info(const char* host, const char* port, uint64_t flags, int* error) {
  struct fi_info* hints = fi_allocinfo();
  struct fi_info* info = NULL;
  if (!hints) {
    *error = -FI_ENOMEM;
    return NULL;
  }
  hints->ep_attr->type = FI_EP_MSG;
  hints->caps = FI_MSG | FI_RMA;
  hints->mode = FI_RX_CQ_DATA;
  hints->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
  hints->domain_attr->threading = FI_THREAD_DOMAIN;
  // Only the thread that uses a connection drives its progress: no thread of the provider has to wake us.
  hints->domain_attr->control_progress = hints->domain_attr->data_progress = FI_PROGRESS_MANUAL;
  hints->domain_attr->cq_data_size = 4;
  // An IPv6 address has colons; without a host any address will do.
  hints->addr_format = host && strchr(host, ':') ? FI_SOCKADDR_IN6 : FI_SOCKADDR_IN;
  hints->fabric_attr->prov_name = strdup(PROVIDER);
  *error = fi_getinfo(OFI_VERSION, host, port, flags, hints, &info);
  fi_freeinfo(hints);
  // Skip layered providers ("verbs;ofi_rxm"): they were not asked for.
  struct fi_info* exact = info;
  while (exact && strcmp(exact->fabric_attr->prov_name, PROVIDER) != 0) exact = exact->next;
  struct fi_info* result = exact ? fi_dupinfo(exact) : NULL;
  if (info) fi_freeinfo(info);
  if (!*error && !result) *error = -FI_ENODATA;
  return result;
}

// Fabrics are few, shared by all threads, and never closed.
struct fid_fabric* ofi_fabric(struct fi_info* info, int* error) {
  enum { FABRICS = 32 };
  static struct {
    char name[128];
    struct fid_fabric* fabric;
  } known[FABRICS];
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  struct fid_fabric* result = NULL;
  char name[128];
  snprintf(name, sizeof name, "%s %s", info->fabric_attr->prov_name, info->fabric_attr->name ? info->fabric_attr->name : "");
  *error = -FI_ENOSPC;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < FABRICS && !result; i++) {
    if (!known[i].fabric) {
      *error = fi_fabric(info->fabric_attr, &known[i].fabric, NULL);
      if (*error) break;
      memcpy(known[i].name, name, sizeof name);
    }
    if (strcmp(known[i].name, name) == 0) result = known[i].fabric;
  }
  pthread_mutex_unlock(&lock);
  if (result) *error = 0;
  return result;
}

// () → libfabric's version: major × 65536 + minor.
napi_value ofiVersion(napi_env env, napi_callback_info info) { return number(env, fi_version()); }

// (error, positive; text: Uint8Array, filled and ended with a zero) → 0. libfabric's words for an error of its own.
napi_value ofiReason(napi_env env, napi_callback_info info) {
  ARGS(2);
  span text = span_of(env, arg[1]);
  snprintf(text.data, text.bytes, "%s", fi_strerror((int)int_of(env, arg[0])));
  return number(env, 0);
}

// () → 0 when RDMA can be used here, else a negative error.
napi_value ofiProbe(napi_env env, napi_callback_info info) {
  int error;
  struct fi_info* found = ofi_info(NULL, NULL, 0, &error);
  if (found) fi_freeinfo(found);
  return number(env, error);
}
