import { systemClock } from '../../clock.ts'
import { hasOtherWork, whenLoopIsEmpty } from './other-work.ts'
import { UnreleasedWatch } from './unreleased-watch.ts'

/** The one watch of this thread. Its warning is an event of the process: Node.js prints it on standard error. */
export const unreleasedWatch: UnreleasedWatch = new UnreleasedWatch({
  clock: systemClock,
  hasOtherWork,
  whenLoopIsEmpty,
  warn: (sentence) => process.emitWarning(sentence, { type: 'RfaasWarning', code: 'RFAAS_NOT_RELEASED' }),
})
