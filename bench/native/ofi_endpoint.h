/* One connected libfabric endpoint with one registered buffer, either side. */
#ifndef OFI_ENDPOINT_H
#define OFI_ENDPOINT_H

#include "floor.h"

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>

/* What a peer must know to write into our memory; travels in the connection request and its answer. */
struct ofi_target {
  uint64_t address;
  uint64_t key;
};

struct ofi_endpoint {
  struct fi_info *info;
  struct fid_fabric *fabric;
  struct fid_domain *domain;
  struct fid_eq *eq;
  struct fid_cq *cq;
  struct fid_ep *ep;
  struct fid_mr *mr;
  void *memory_desc;
  unsigned char *outbound; /* ours to send from */
  unsigned char *inbound;  /* the peer's to write to; both in one registration */
  size_t inject_bytes;
  bool posts_receives; /* the provider takes a posted receive for every immediate (FI_RX_CQ_DATA), as verbs does */
  unsigned writes_pending;
  struct ofi_target peer;
};

/* What each side's memory is filled with, so that the client can see that the server's bytes came. */
enum { CLIENT_BYTE = 0xc1, SERVER_BYTE = 0x5e };

/* How the server tells the client where it listens. Open it before floor_fork. */
struct ofi_pipe {
  int read_fd, write_fd;
};

struct ofi_pipe ofi_pipe_open(void);
struct ofi_endpoint ofi_accept(const struct ofi_pipe *pipe, const struct floor_options *options);
struct ofi_endpoint ofi_connect(const struct ofi_pipe *pipe, const struct floor_options *options);

_Noreturn void ofi_fail(const char *action, int code);
_Noreturn void ofi_cq_fail(struct ofi_endpoint *endpoint, ssize_t code);

/* fails with libfabric's reason unless `result` is 0 */
void ofi_check(ssize_t result, const char *action);

#endif
