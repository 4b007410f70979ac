// One connection over a TCP socket, owned by one thread. A write travels as a frame: where the bytes go in the peer's
// window, the immediate, and the bytes. Frames that have not left yet are queued, and their bytes stay in the window that
// they are sent from, so nothing is copied; the receiving side reads long payloads straight into its window. While the
// owner is busy elsewhere, the progress thread (tcp_progress.c) goes on with what is under way.
#pragma once
#include "memory.h"
#include "napi.h"
#include "table.h"
#include "watch.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "frames are little-endian");

// The largest immediate; a peer can send larger numbers (src/fabric.ts).
enum { TCP_IMMEDIATE_MAX = 0x7fffffff };
// Immediates that one poll can give.
enum { TCP_BATCH = 64 };
// Bytes that one read takes beyond the payload that it knows of.
enum { TCP_STAGED_BYTES = 16384 };

typedef struct {
  uint32_t immediate;
  uint32_t offset;
  uint32_t bytes;
} tcp_frame;

// Ends a sleep of any connection of one thread. It lives while the thread has connections.
typedef struct {
  int event;
  int users;
} tcp_bell;

// What the owner does: it polls or runs other code; it is blocked in tcpWait; or its event loop watches the socket.
typedef enum { TCP_AWAKE, TCP_BLOCKED, TCP_ARMED } tcp_owner;

typedef struct {
  int socket;
  block* outbound;
  block* inbound;
  size_t spare_bytes;    // behind each window
  block* outbound_spare; // mapped when it is first used, under the lock; else NULL
  block* inbound_spare;
  block* batch; // uint32_t[TCP_BATCH]: the immediates of a poll; then one word: whether we were interrupted
  tcp_bell* bell; // of the thread that attached it, or NULL
  waker* waker;   // of the thread whose event loop watches the socket, or NULL
  int64_t id;

  // Held by whoever uses what follows: the owner, or the progress thread. Taken after the table's lock, if both are.
  pthread_mutex_t lock;
  tcp_frame* queue; // a ring of frames that have not left completely
  uint32_t depth;   // its capacity
  uint32_t first;
  uint32_t queued;
  size_t sent;          // bytes of the first frame that have left, its header included
  size_t unsent;        // bytes of the queue that have not left
  bool needs_room;      // the socket had no room for all of the queue
  int64_t active_ns;    // when frames have left, or the owner has polled some, the last time; CLOCK_MONOTONIC
  int64_t under_way;    // frames written less frames received: calls that wait for us, below 0, or that we wait for
  int64_t under_way_max; // since it was 0
  tcp_frame arriving;
  uint8_t* target; // where its payload goes
  size_t missing; // bytes of its payload that have not arrived
  uint8_t* staged;
  size_t staged_from;
  size_t staged_to;
  uint32_t held[TCP_BATCH]; // immediates that the progress thread has received, for the next poll
  uint32_t held_count;
  tcp_owner owner;
  uint32_t polls;      // by the owner; wraps
  uint32_t polls_seen; // by the progress thread
  bool is_listed;      // the progress thread will look at it
  bool is_watched;     // the progress thread's epoll has its socket
  bool finishing;
  bool lost;  // nothing can be sent any more
  bool ended; // nothing will arrive any more
} tcp_connection;

extern table tcp_connections;

// Where a frame's bytes are: in the window, or in the spare room behind it, which is mapped when it is first used. NULL
// when they are in neither. Only while the connection's lock is held.
uint8_t* tcp_place(const block* window, block** spare, size_t spare_bytes, size_t offset, size_t bytes);

// All four: only while the connection's lock is held.
// Sends what is queued, as far as the socket has room.
void tcp_flush(tcp_connection* c);
// Receives into the window, and up to `room` immediates into `to`. Returns how many there were.
uint32_t tcp_receive(tcp_connection* c, uint32_t* to, uint32_t room);
// Lets the progress thread go on with what is under way, in case the owner is busy for a while.
void tcp_progress_later(tcp_connection* c);
// Tells the progress thread that the owner is back, or that the connection closes.
void tcp_progress_stop(tcp_connection* c);

// Starts the progress thread unless it runs. False when there is none: then nothing may be held back.
bool tcp_progress_runs(void);

int64_t tcp_now_ns(void);

// tcp_socket.c
function tcpListen, tcpConnect, socketError;
// tcp_connection.c
function tcpOpen, tcpAttach, tcpOutbound, tcpInbound, tcpBatch, tcpOutboundSpare, tcpInboundSpare, tcpClose;
// tcp_send.c
function tcpWrite, tcpFlush, tcpFinish, tcpFinished;
// tcp_receive.c
function tcpPoll;
// tcp_sleep.c
function tcpWait, tcpArm, tcpWatch, tcpInterrupt, tcpTakeInterrupt, tcpEnded;
