/** What every fabric must do, between two RDMA devices. */
import { openFabric } from '@rfaas/fabric'
import { testCompliance } from '@rfaas/fabric/compliance'

import { FAR, NEAR } from './devices.ts'

testCompliance({
  fabric: openFabric('verbs'),
  separate: true,
  countsDepth: false,
  emulated: true,
  hosts: { near: NEAR.address, far: FAR.address },
})
