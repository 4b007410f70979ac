// One connection over libfabric: a FI_EP_MSG endpoint (a reliable connection, as an RDMA queue pair) with a domain,
// a completion queue and an event queue of its own, used by one thread at a time. The provider is verbs.
#pragma once
#include "memory.h"
#include "napi.h"
#include "table.h"
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
#include <sys/socket.h>

#define OFI_VERSION FI_VERSION(1, 17)

// The largest immediate; a peer can send larger numbers (src/fabric.ts).
enum { IMMEDIATE_MAX = 0x7fffffff };

// Immediates that one poll can give.
enum { BATCH = 64 };

// Most receives that immediates have consumed and that are not posted again yet: one poll may add a batch to a batch
// that is owed.
enum { RECEIVES_OWED_MAX = 2 * BATCH };

typedef struct {
  uint64_t base;
  uint64_t key;
} remote_window;

// The first data that the connecting side sends. rdma_cm carries at most 56 bytes, of which the verbs provider takes
// one. Packed, because with the compiler's padding it would not fit.
enum { GREETING_BYTES = 36, CONNECT_BYTES_MAX = 55 };
typedef struct __attribute__((packed)) {
  remote_window inbound;
  uint8_t greeting[GREETING_BYTES];
} connect_data;
_Static_assert(sizeof(connect_data) <= CONNECT_BYTES_MAX, "verbs carries no more");

typedef struct {
  struct fid_fabric* fabric; // shared, never closed
  struct fi_info* info;
  struct fid_domain* domain;
  struct fid_ep* ep;
  struct fid_cq* cq;
  struct fid_eq* eq;
  struct fid_mr* outbound_mr;
  struct fid_mr* inbound_mr;
  block* outbound;
  block* inbound;
  block* batch; // uint32_t[BATCH]: the immediates of a poll; then one word: whether we were interrupted
  remote_window remote;
  uint32_t held[BATCH]; // immediates that a write or ofiFinished found on the way
  uint32_t held_count;
  uint32_t receives_owed; // receives that immediates have consumed and that are not posted again yet
  uint32_t empty_polls;
  int epoll;
  int interrupt_event;
  int64_t id;
  atomic_bool attached;
  bool is_enabled;
  bool posts_receives;
  bool rings; // the epoll descriptor watches the completion queue
  bool finished; // the last write of this side, and so every earlier one, has left the provider
  bool lost;
} connection;

typedef struct {
  struct fid_fabric* fabric;
  struct fi_info* info;
  struct fid_pep* pep;
  struct fid_eq* eq;
  struct fi_info* request; // the peer that waits for accept or reject
  remote_window request_window;
} listener;

extern table ofi_connections;
extern table ofi_listeners;

// The provider's info for an endpoint at (or to) host:port, or NULL with *error set.
struct fi_info* ofi_info(const char* host, const char* port, uint64_t flags, int* error);
struct fid_fabric* ofi_fabric(struct fi_info* info, int* error);
int ofi_descriptor_of(struct fid* object);
// Takes ownership of `info` and of its request's handle. On failure returns NULL with *error set; then `info` stays the
// caller's, and so does the handle unless it is NULL.
connection* ofi_connection_new(struct fid_fabric* fabric, struct fi_info* info, int64_t outbound_bytes,
                               int64_t inbound_bytes, int64_t depth, int* error);
void ofi_connection_free(connection* c);
remote_window ofi_own_window(connection* c);
// Rejects the peer of a request, with a word that tells this from a connection that failed by itself.
int ofi_turn_away(struct fid_pep* pep, struct fi_info* request);
// Posts `count` receives, for providers that need one for each immediate.
int ofi_post_receives(connection* c, int64_t count);
// Reads the event queue and sets `lost` when the peer is gone.
void ofi_read_events(connection* c);
// Makes the epoll descriptor watch connection events and interrupts. Returns 0 or an error.
int ofi_watch_events(connection* c);

// ofi_provider.c
function ofiVersion, ofiReason, ofiProbe;
// ofi_listen.c
function ofiListen, ofiListenerDescriptor, ofiListenerRequest, ofiListenerClose, ofiReject, ofiAccept;
// ofi_connection.c
function ofiConnect, ofiEstablish, ofiAttach, ofiDescriptor, ofiOutbound, ofiInbound, ofiBatch, ofiClose;
// ofi_data.c
function ofiWrite, ofiFinish, ofiFinished, ofiPoll;
// ofi_sleep.c
function ofiWait, ofiArm, ofiDisarm, ofiInterrupt, ofiTakeInterrupt;
// ofi_peer.c
function ofiPeer;
