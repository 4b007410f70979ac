import { testCompliance } from '../compliance.ts'
import { MemoryFabric } from './memory.ts'

testCompliance({ fabric: new MemoryFabric(), separate: false, countsDepth: true })
