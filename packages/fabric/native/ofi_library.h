// libfabric, opened when the addon is loaded instead of linked: one built addon then also loads, and says what is
// missing, where libfabric is not installed.
#pragma once

// Opens libfabric.so.1, once per process. Returns NULL, or the reason against it, which stays valid.
const char* ofi_library_open(void);
