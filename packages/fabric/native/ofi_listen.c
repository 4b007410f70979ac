// The listening side. Each request is passed to TypeScript, which knows the secret, before anything is accepted.
#include "address.h"
#include "ofi.h"
#include <errno.h>
#include <string.h>

int ofi_turn_away(struct fid_pep* pep, struct fi_info* request) {
  uint8_t word = 1;
  return fi_reject(pep, request->handle, &word, sizeof word);
}

static bool is_shortage(int error) {
  return error == -FI_ENOMEM || error == -ENFILE || error == -FI_EMFILE || error == -FI_ENOBUFS;
}

static void listener_free(listener* l) {
  if (l->request) {
    ofi_turn_away(l->pep, l->request);
    fi_freeinfo(l->request);
  }
  if (l->pep) fi_close(&l->pep->fid);
  if (l->eq) fi_close(&l->eq->fid);
  if (l->info) fi_freeinfo(l->info);
  free(l);
}

// (host, address: Uint8Array, filled with "IP:port" or "[IP]:port" and a zero) → number of the listener or an
// error.
napi_value ofiListen(napi_env env, napi_callback_info info) {
  ARGS(2);
  char host[128];
  int error;
  string_of(env, arg[0], host, sizeof host);
  span address = span_of(env, arg[1]);
  listener* l = calloc(1, sizeof *l);
  if (!l) return number(env, -FI_ENOMEM);
  struct fi_eq_attr eq_attr = {.size = 64, .wait_obj = FI_WAIT_FD};
  struct sockaddr_storage name;
  size_t name_bytes = sizeof name;
  l->info = ofi_info(host, NULL, FI_SOURCE, &error);
  if (!error) l->fabric = ofi_fabric(l->info, &error);
  if (!error) error = fi_passive_ep(l->fabric, l->info, &l->pep, NULL);
  if (!error) error = fi_eq_open(l->fabric, &eq_attr, &l->eq, NULL);
  if (!error) error = fi_pep_bind(l->pep, &l->eq->fid, 0);
  if (!error) error = fi_listen(l->pep);
  if (!error) error = fi_getname(&l->pep->fid, &name, &name_bytes);
  int64_t id = error ? 0 : table_add(&ofi_listeners, l);
  if (id == 0) {
    listener_free(l);
    return number(env, error ? error : -FI_ENOMEM);
  }
  format_address((struct sockaddr*)&name, address);
  return number(env, id);
}

// (listener) → a descriptor that is readable when there may be a request. Not to be closed.
napi_value ofiListenerDescriptor(napi_env env, napi_callback_info info) {
  ARGS(1);
  listener* l = table_get(&ofi_listeners, int_of(env, arg[0]));
  return number(env, l ? ofi_descriptor_of(&l->eq->fid) : -FI_EINVAL);
}

// (listener, greeting: Uint8Array, filled) → bytes of the next peer's greeting, or an error; -EAGAIN when there is
// none.
napi_value ofiListenerRequest(napi_env env, napi_callback_info info) {
  ARGS(2);
  listener* l = table_get(&ofi_listeners, int_of(env, arg[0]));
  span greeting = span_of(env, arg[1]);
  union {
    struct fi_eq_cm_entry entry;
    uint8_t space[sizeof(struct fi_eq_cm_entry) + 256];
  } event;
  uint32_t kind;
  if (!l || l->request || greeting.bytes != GREETING_BYTES) return number(env, -FI_EINVAL);
  ssize_t got = fi_eq_read(l->eq, &kind, &event, sizeof event, 0);
  if (got == -FI_EAVAIL) {
    struct fi_eq_err_entry failure = {0};
    fi_eq_readerr(l->eq, &failure, 0);
    return number(env, -FI_EAGAIN);
  }
  if (got < 0) return number(env, got);
  if (kind != FI_CONNREQ) return number(env, -FI_EAGAIN);
  connect_data said;
  l->request = event.entry.info;
  // A greeting that is too short is replaced by zeroes, which never match a secret.
  memset(&said, 0, sizeof said);
  if ((size_t)got >= sizeof event.entry + sizeof said) memcpy(&said, event.entry.data, sizeof said);
  l->request_window = said.inbound;
  memcpy(greeting.data, said.greeting, GREETING_BYTES);
  return number(env, GREETING_BYTES);
}

// (listener): turns the peer of the last request away.
napi_value ofiReject(napi_env env, napi_callback_info info) {
  ARGS(1);
  listener* l = table_get(&ofi_listeners, int_of(env, arg[0]));
  if (!l || !l->request) return number(env, -FI_EINVAL);
  int error = ofi_turn_away(l->pep, l->request);
  fi_freeinfo(l->request);
  l->request = NULL;
  return number(env, error);
}

// (listener, outbound bytes, inbound bytes, depth) → number of the connection, to be established, or an error. After
// -ENOMEM, -ENFILE, -EMFILE and -ENOBUFS the request stays if it can be accepted later; -EINVAL when there is no
// request.
napi_value ofiAccept(napi_env env, napi_callback_info info) {
  ARGS(4);
  listener* l = table_get(&ofi_listeners, int_of(env, arg[0]));
  int error;
  if (!l || !l->request) return number(env, -FI_EINVAL);
  struct fi_info* request = l->request;
  connection* c = ofi_connection_new(l->fabric, request, int_of(env, arg[1]), int_of(env, arg[2]), int_of(env, arg[3]), &error);
  if (!c && request->handle && is_shortage(error)) return number(env, error);
  l->request = NULL;
  if (!c) {
    if (request->handle) fi_reject(l->pep, request->handle, NULL, 0);
    fi_freeinfo(request);
    return number(env, error);
  }
  c->remote = l->request_window;
  remote_window own = ofi_own_window(c);
  error = fi_accept(c->ep, &own, sizeof own);
  c->id = error ? 0 : table_add(&ofi_connections, c);
  if (c->id == 0) {
    ofi_connection_free(c);
    return number(env, error ? error : -FI_ENOMEM);
  }
  return number(env, c->id);
}

// (listener)
napi_value ofiListenerClose(napi_env env, napi_callback_info info) {
  ARGS(1);
  listener* l = table_remove(&ofi_listeners, int_of(env, arg[0]));
  if (l) listener_free(l);
  return number(env, 0);
}
