/*
 * Raw libfabric, as rFaaS uses it: FI_EP_MSG, write with a 4-byte immediate, both sides spin on one completion queue.
 * The payload is written into the peer's memory; the immediate is the trip's number and must come back unchanged.
 */
#include "ofi_endpoint.h"

static void post_receive(struct ofi_endpoint *endpoint) {
  if (!endpoint->posts_receives) return;
  ofi_check(fi_recv(endpoint->ep, endpoint->inbound, 0, endpoint->memory_desc, 0, NULL), "post a receive");
}

/* Reads one completion, keeps count of our finished writes, and says whether an immediate came. */
static bool poll_immediate(struct ofi_endpoint *endpoint, uint64_t *immediate) {
  struct fi_cq_data_entry entry;
  ssize_t count = fi_cq_read(endpoint->cq, &entry, 1);
  if (count == -FI_EAGAIN) {
    floor_spin();
    return false;
  }
  if (count < 0) ofi_cq_fail(endpoint, count);
  if (!(entry.flags & FI_REMOTE_CQ_DATA)) {
    endpoint->writes_pending--;
    return false;
  }
  *immediate = entry.data;
  post_receive(endpoint);
  return true;
}

static uint64_t await_immediate(struct ofi_endpoint *endpoint) {
  uint64_t immediate;
  while (!poll_immediate(endpoint, &immediate)) continue;
  return immediate;
}

/* Inlined where the provider can (no completion to drain), else one write whose completion is drained while polling. */
static void write_immediate(struct ofi_endpoint *endpoint, size_t bytes, uint32_t immediate) {
  bool inlined = bytes <= endpoint->inject_bytes;
  for (;;) {
    ssize_t result = inlined
                         ? fi_inject_writedata(endpoint->ep, endpoint->outbound, bytes, immediate, 0,
                                               endpoint->peer.address, endpoint->peer.key)
                         : fi_writedata(endpoint->ep, endpoint->outbound, bytes, endpoint->memory_desc, immediate, 0,
                                        endpoint->peer.address, endpoint->peer.key, NULL);
    if (result == 0) break;
    if (result != -FI_EAGAIN) ofi_fail("write with immediate", (int)result);
    fi_cq_read(endpoint->cq, NULL, 0); /* manual progress frees room */
  }
  if (!inlined) endpoint->writes_pending++;
}

int main(int argc, char **argv) {
  struct floor_options options = floor_parse(argc, argv);
  struct ofi_pipe pipe = ofi_pipe_open();

  if (floor_fork() == FLOOR_SERVER) {
    struct ofi_endpoint endpoint = ofi_accept(&pipe, &options);
    for (;;) {
      uint64_t immediate = await_immediate(&endpoint);
      write_immediate(&endpoint, options.payload_bytes, (uint32_t)immediate);
    }
  }

  struct ofi_endpoint endpoint = ofi_connect(&pipe, &options);
  uint64_t begin_ns = floor_now_ns();
  for (uint32_t trip = 0; trip < options.warmup + options.trips; trip++) {
    write_immediate(&endpoint, options.payload_bytes, trip);
    if (await_immediate(&endpoint) != trip) floor_fail("check the immediate", "it is not the one that was sent");
    begin_ns = floor_record(trip, begin_ns);
  }
  if (options.payload_bytes > 0 && endpoint.inbound[options.payload_bytes - 1] != SERVER_BYTE) {
    floor_fail("check the payload", "the server's bytes did not come");
  }
  floor_finish();
}
