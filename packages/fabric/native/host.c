// The `host` addon, which needs nothing but Linux: shared memory, sockets, futexes, descriptors on the event loop,
// connections over TCP, and functions of shared libraries. src/native.ts declares the same names in the same order.
#include "host.h"
#include "memory.h"
#include "tcp.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

// (bytes) → descriptor of zeroed memory without a name that nobody can resize, or -errno.
napi_value memoryCreate(napi_env env, napi_callback_info info) {
  ARGS(1);
  int fd = memfd_create("rfaas", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return number(env, -errno);
  if (ftruncate(fd, int_of(env, arg[0])) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
    int error = errno;
    close(fd);
    return number(env, -error);
  }
  return number(env, fd);
}

// (descriptor, offset, bytes) → ArrayBuffer, or null.
napi_value memoryMap(napi_env env, napi_callback_info info) {
  ARGS(3);
  int fd = (int)int_of(env, arg[0]);
  block* b = fd < 0 ? NULL : block_map(fd, int_of(env, arg[1]), (size_t)int_of(env, arg[2]));
  if (!b) return null_value(env);
  napi_value buffer = block_buffer(env, b);
  block_release(b);
  return buffer;
}

// (ArrayBuffer): its length becomes 0 and its memory is given back at once; late accesses of other threads are
// harmless.
napi_value memoryDetach(napi_env env, napi_callback_info info) {
  ARGS(1);
  block_detach(env, arg[0]);
  return number(env, 0);
}

// (): yields this processor to threads that wait for it (sched_yield(2)).
napi_value processorYield(napi_env env, napi_callback_info info) { return number(env, sched_yield()); }

// (signal, parent's process id): the kernel sends the signal to this process when its parent ends. 0, or -ESRCH when
// the parent has gone already.
napi_value dieWithParent(napi_env env, napi_callback_info info) {
  ARGS(2);
  if (prctl(PR_SET_PDEATHSIG, (unsigned long)int_of(env, arg[0])) < 0) return number(env, -errno);
  return number(env, getppid() == int_of(env, arg[1]) ? 0 : -ESRCH);
}

// (code): ends this process at once (_exit(2)). Node's own exit waits for threads that are blocked in native code.
napi_value processExit(napi_env env, napi_callback_info info) {
  ARGS(1);
  _exit((int)int_of(env, arg[0]));
}

NAPI_MODULE_INIT() {
  napi_property_descriptor names[] = {
      EXPORT(memoryCreate),   EXPORT(memoryMap),    EXPORT(memoryDetach),
      EXPORT(socketListen),   EXPORT(socketAccept), EXPORT(socketConnect),
      EXPORT(socketSend),     EXPORT(socketReceive),
      EXPORT(descriptorClose),
      EXPORT(channelOpen),    EXPORT(channelAttach), EXPORT(channelFlags), EXPORT(channelSpare),
      EXPORT(channelOutboundSpare), EXPORT(channelInboundSpare), EXPORT(channelRing), EXPORT(channelHear),
      EXPORT(channelWait),    EXPORT(channelWatch), EXPORT(channelInterrupt), EXPORT(channelClose),
      EXPORT(channelPeers),   EXPORT(channelPeer),  EXPORT(channelPeerGone),
      EXPORT(watchStart),     EXPORT(watchReference), EXPORT(watchWritable), EXPORT(watchStop),
      EXPORT(tcpListen),      EXPORT(tcpConnect),   EXPORT(socketError),
      EXPORT(tcpOpen),        EXPORT(tcpAttach),    EXPORT(tcpOutbound),  EXPORT(tcpInbound),  EXPORT(tcpBatch),
      EXPORT(tcpOutboundSpare), EXPORT(tcpInboundSpare), EXPORT(tcpClose),
      EXPORT(tcpWrite),       EXPORT(tcpFlush),     EXPORT(tcpFinish),    EXPORT(tcpFinished),  EXPORT(tcpPoll),
      EXPORT(tcpWait),        EXPORT(tcpArm),       EXPORT(tcpWatch),     EXPORT(tcpInterrupt), EXPORT(tcpTakeInterrupt), EXPORT(tcpEnded),
      EXPORT(libraryOpen),    EXPORT(libraryFunction), EXPORT(libraryCall),
      EXPORT(processorYield), EXPORT(dieWithParent), EXPORT(processExit),
  };
  napi_define_properties(env, exports, sizeof names / sizeof *names, names);
  return exports;
}
