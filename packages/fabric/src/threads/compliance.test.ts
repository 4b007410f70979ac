import { testCompliance } from '../compliance.ts'
import { ThreadsFabric } from './threads.ts'

testCompliance({
  fabric: new ThreadsFabric(),
  separate: true,
  peers: 'threads',
  // A SharedArrayBuffer cannot be detached.
  detaches: false,
  countsDepth: true,
})
