// One connection over a TCP socket, used by one thread at a time. A write travels as a frame: where the bytes go in the
// peer's window, the immediate, and the bytes. What the socket has no room for stays in the window that it is sent from,
// so nothing is copied; the receiving side reads long payloads straight into its window.
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

typedef struct {
  int socket;
  block* outbound;
  block* inbound;
  block* batch; // uint32_t[TCP_BATCH]: the immediates of a poll; then one word: whether we were interrupted
  tcp_frame* queue; // a ring of frames that have not left completely
  uint32_t depth;   // its capacity
  uint32_t first;
  uint32_t queued;
  size_t sent; // bytes of the first frame that have left, its header included
  tcp_frame arriving;
  size_t missing; // bytes of its payload that have not arrived
  uint8_t* staged;
  size_t staged_from;
  size_t staged_to;
  tcp_bell* bell; // of the thread that attached it, or NULL
  waker* waker;   // of the thread whose event loop watches the socket, or NULL
  int64_t id;
  bool finishing;
  bool lost;  // nothing can be sent any more
  bool ended; // nothing will arrive any more
} tcp_connection;

extern table tcp_connections;

// Sends what is queued, as far as the socket has room.
void tcp_flush(tcp_connection* c);

// tcp_socket.c
function tcpListen, tcpConnect, socketError;
// tcp_connection.c
function tcpOpen, tcpAttach, tcpOutbound, tcpInbound, tcpBatch, tcpClose;
// tcp_data.c
function tcpWrite, tcpFinish, tcpFinished, tcpPoll;
// tcp_sleep.c
function tcpWait, tcpArm, tcpWatch, tcpInterrupt, tcpTakeInterrupt, tcpEnded;
