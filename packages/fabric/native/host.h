// What the `host` addon exports, apart from tcp.h; host.c registers it.
#pragma once
#include "napi.h"

// host.c
function memoryCreate, memoryMap, memoryDetach, processorYield, dieWithParent, processExit;
// library.c
function libraryOpen, libraryFunction, libraryCall;
// socket.c
function socketListen, socketAccept, socketConnect, socketSend, socketReceive, descriptorClose;
// channel.c
function channelOpen, channelAttach, channelFlags, channelSpare, channelOutboundSpare, channelInboundSpare, channelRing, channelHear, channelWait, channelWatch;
function channelInterrupt, channelClose, channelPeers, channelPeer, channelPeerGone;
// watch.c
function watchStart, watchReference, watchWritable, watchStop;
