// Included before everything else (-include). Binds the addons to old versions of the few functions that glibc 2.33 and
// 2.34 have moved, so that what a newer machine compiles also loads with glibc 2.28, the oldest that Node.js itself runs on.
#pragma once
#include <features.h>

#if defined(__GLIBC__) && (defined(__x86_64__) || defined(__aarch64__))
#ifdef __x86_64__
#define OLD(name) __asm__(".symver " #name "," #name "@GLIBC_2.2.5")
#else
#define OLD(name) __asm__(".symver " #name "," #name "@GLIBC_2.17")
#endif
OLD(dlopen);
OLD(dlsym);
OLD(dlerror);
OLD(pthread_create);
OLD(pthread_once);
OLD(pthread_attr_setstacksize);
OLD(pthread_mutex_trylock);
#undef OLD

// The kernel's struct stat is glibc's on these processors.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#define fstat(descriptor, out) ((int)syscall(SYS_fstat, descriptor, out))
#endif
