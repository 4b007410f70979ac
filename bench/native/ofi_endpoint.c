#include "ofi_endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE_BYTES 4096
#define RECEIVES_POSTED 64
#define CONNECT_TIMEOUT_MS 10000
#define PRIVATE_DATA_BYTES_MAX 64

struct listen_address {
  _Alignas(struct sockaddr_in) char bytes[128];
  size_t length;
};

void ofi_fail(const char *action, int code) { floor_fail(action, fi_strerror(-code)); }

void ofi_check(ssize_t result, const char *action) {
  if (result != 0) ofi_fail(action, (int)result);
}

void ofi_cq_fail(struct ofi_endpoint *endpoint, ssize_t code) {
  struct fi_cq_err_entry error = {0};
  if (code == -FI_EAVAIL && fi_cq_readerr(endpoint->cq, &error, 0) > 0) ofi_fail("complete", -error.err);
  ofi_fail("read the completion queue", (int)code);
}

struct ofi_pipe ofi_pipe_open(void) {
  int ends[2];
  floor_check(pipe(ends), "open a pipe");
  return (struct ofi_pipe){.read_fd = ends[0], .write_fd = ends[1]};
}

static struct fi_info *find_provider(const char *provider, const char *port, uint64_t flags) {
  struct fi_info *hints = fi_allocinfo(), *info = NULL;
  if (hints == NULL) floor_fail("allocate hints", "out of memory");
  hints->fabric_attr->prov_name = strdup(provider);
  hints->ep_attr->type = FI_EP_MSG;
  hints->caps = FI_MSG | FI_RMA;
  hints->mode = FI_RX_CQ_DATA;
  hints->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
  hints->domain_attr->threading = FI_THREAD_DOMAIN; /* one thread a process: no locks */
  hints->addr_format = FI_SOCKADDR_IN;
  const char *host = getenv("OFI_HOST"); /* an address of a device of the provider, where it is not on loopback */
  ofi_check(fi_getinfo(FI_VERSION(1, 17), host == NULL ? "127.0.0.1" : host, port, flags, hints, &info), provider);
  fi_freeinfo(hints);
  return info;
}

static void open_fabric(struct ofi_endpoint *endpoint) {
  struct fi_eq_attr eq_attr = {.wait_obj = FI_WAIT_UNSPEC};
  ofi_check(fi_fabric(endpoint->info->fabric_attr, &endpoint->fabric, NULL), "open the fabric");
  ofi_check(fi_eq_open(endpoint->fabric, &eq_attr, &endpoint->eq, NULL), "open the event queue");
}

static void open_endpoint(struct ofi_endpoint *endpoint, const struct floor_options *options, int fill) {
  struct fi_cq_attr cq_attr = {.size = 256, .format = FI_CQ_FORMAT_DATA, .wait_obj = FI_WAIT_NONE};
  size_t half = (options->payload_bytes / PAGE_BYTES + 1) * PAGE_BYTES;
  endpoint->outbound = aligned_alloc(PAGE_BYTES, 2 * half);
  if (endpoint->outbound == NULL) floor_fail("allocate memory", "out of memory");
  endpoint->inbound = endpoint->outbound + half;
  memset(endpoint->outbound, fill, 2 * half);
  endpoint->inject_bytes = endpoint->info->tx_attr->inject_size;
  endpoint->posts_receives = (endpoint->info->mode & FI_RX_CQ_DATA) != 0;
  ofi_check(fi_domain(endpoint->fabric, endpoint->info, &endpoint->domain, NULL), "open the domain");
  ofi_check(fi_mr_reg(endpoint->domain, endpoint->outbound, 2 * half, FI_WRITE | FI_REMOTE_WRITE | FI_RECV, 0, 1, 0,
                      &endpoint->mr, NULL),
            "register memory");
  endpoint->memory_desc = fi_mr_desc(endpoint->mr);
  ofi_check(fi_cq_open(endpoint->domain, &cq_attr, &endpoint->cq, NULL), "open the completion queue");
  ofi_check(fi_endpoint(endpoint->domain, endpoint->info, &endpoint->ep, NULL), "open the endpoint");
  ofi_check(fi_ep_bind(endpoint->ep, &endpoint->eq->fid, 0), "bind the event queue");
  ofi_check(fi_ep_bind(endpoint->ep, &endpoint->cq->fid, FI_TRANSMIT | FI_RECV), "bind the completion queue");
  ofi_check(fi_enable(endpoint->ep), "enable the endpoint");
  for (int i = 0; endpoint->posts_receives && i < RECEIVES_POSTED; i++) {
    ofi_check(fi_recv(endpoint->ep, endpoint->inbound, 0, endpoint->memory_desc, 0, NULL), "post a receive");
  }
}

static struct ofi_target own_target(struct ofi_endpoint *endpoint) {
  bool by_address = (endpoint->info->domain_attr->mr_mode & FI_MR_VIRT_ADDR) != 0;
  uint64_t base = by_address ? (uint64_t)(uintptr_t)endpoint->outbound : 0;
  uint64_t offset = (uint64_t)(endpoint->inbound - endpoint->outbound);
  return (struct ofi_target){.address = base + offset, .key = fi_mr_key(endpoint->mr)};
}

/* Waits for one event of the connection; `target`, unless NULL, is what the peer sent along with it. */
static struct fi_info *await_event(struct ofi_endpoint *endpoint, uint32_t wanted, struct ofi_target *target) {
  union {
    struct fi_eq_cm_entry entry;
    char bytes[sizeof(struct fi_eq_cm_entry) + PRIVATE_DATA_BYTES_MAX];
  } event;
  uint32_t kind = 0;
  ssize_t bytes = fi_eq_sread(endpoint->eq, &kind, &event, sizeof event, CONNECT_TIMEOUT_MS, 0);
  if (bytes == -FI_EAVAIL) {
    struct fi_eq_err_entry error = {0};
    fi_eq_readerr(endpoint->eq, &error, 0);
    ofi_fail("connect", -error.err);
  }
  if (bytes < 0) ofi_fail("wait for the connection", (int)bytes);
  if (kind != wanted) floor_fail("connect", "the event is not the one that was due");
  if (target != NULL) {
    if ((size_t)bytes < sizeof event.entry + sizeof *target) floor_fail("connect", "the peer's memory key is missing");
    memcpy(target, event.entry.data, sizeof *target);
  }
  return event.entry.info;
}

struct ofi_endpoint ofi_accept(const struct ofi_pipe *pipe, const struct floor_options *options) {
  struct ofi_endpoint endpoint = {.info = find_provider(options->provider, NULL, FI_SOURCE)};
  struct fid_pep *listener;
  struct listen_address address = {.length = sizeof address.bytes};
  open_fabric(&endpoint);
  ofi_check(fi_passive_ep(endpoint.fabric, endpoint.info, &listener, NULL), "open the listener");
  ofi_check(fi_pep_bind(listener, &endpoint.eq->fid, 0), "bind the listener");
  ofi_check(fi_listen(listener), "listen");
  ofi_check(fi_getname(&listener->fid, address.bytes, &address.length), "read the address");
  floor_check(write(pipe->write_fd, &address, sizeof address), "tell the address");

  endpoint.info = await_event(&endpoint, FI_CONNREQ, &endpoint.peer);
  open_endpoint(&endpoint, options, SERVER_BYTE);
  struct ofi_target own = own_target(&endpoint);
  ofi_check(fi_accept(endpoint.ep, &own, sizeof own), "accept");
  await_event(&endpoint, FI_CONNECTED, NULL);
  return endpoint;
}

struct ofi_endpoint ofi_connect(const struct ofi_pipe *pipe, const struct floor_options *options) {
  struct listen_address address;
  ssize_t bytes = read(pipe->read_fd, &address, sizeof address);
  if (bytes != (ssize_t)sizeof address) floor_fail("read the server's address", "cut off");
  char port[sizeof "65535"]; /* verbs looks for it here, not where it connects */
  snprintf(port, sizeof port, "%u", ntohs(((struct sockaddr_in *)address.bytes)->sin_port));
  struct ofi_endpoint endpoint = {.info = find_provider(options->provider, port, 0)};
  open_fabric(&endpoint);
  open_endpoint(&endpoint, options, CLIENT_BYTE);
  struct ofi_target own = own_target(&endpoint);
  ofi_check(fi_connect(endpoint.ep, address.bytes, &own, sizeof own), "connect");
  await_event(&endpoint, FI_CONNECTED, &endpoint.peer);
  return endpoint;
}
