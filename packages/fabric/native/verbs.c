// The `verbs` addon: connections over RDMA, through libfabric, which is opened when this addon is loaded. src/native.ts
// declares the same names in the same order.
#include "ofi.h"
#include "ofi_library.h"

NAPI_MODULE_INIT() {
  // Without libfabric the addon does not load, so that none of its functions can be called then.
  const char* reason = ofi_library_open();
  if (reason) {
    napi_throw_error(env, NULL, reason);
    return NULL;
  }
  napi_property_descriptor names[] = {
      EXPORT(ofiVersion),  EXPORT(ofiReason), EXPORT(ofiProbe),
      EXPORT(ofiListen),   EXPORT(ofiListenerDescriptor), EXPORT(ofiListenerRequest), EXPORT(ofiListenerClose),
      EXPORT(ofiReject),   EXPORT(ofiAccept),
      EXPORT(ofiConnect),  EXPORT(ofiEstablish), EXPORT(ofiAttach), EXPORT(ofiDescriptor),
      EXPORT(ofiOutbound), EXPORT(ofiInbound),   EXPORT(ofiBatch),      EXPORT(ofiClose),
      EXPORT(ofiWrite),    EXPORT(ofiFinish),    EXPORT(ofiFinished),   EXPORT(ofiPoll),      EXPORT(ofiWait),       EXPORT(ofiArm),  EXPORT(ofiDisarm),
      EXPORT(ofiInterrupt), EXPORT(ofiTakeInterrupt),
      EXPORT(ofiPeer),
  };
  napi_define_properties(env, exports, sizeof names / sizeof *names, names);
  return exports;
}
