import type { HostNative } from './native.ts'
import type { Source } from './waker.ts'

/** A descriptor that the event loop watches. @param watch the number that `watchStart` or `channelWatch` returned */
export function watchedDescriptor(native: HostNative, watch: number): Source {
  return {
    keep: (alive) => void native.watchReference(watch, alive ? 1 : 0),
    stop: () => void native.watchStop(watch),
  }
}
