/** No invocation runs twice, and none fails without a code that says what is known of it. */
import { testAttacks } from '../harness/at-most-once/attacks.ts'

testAttacks(50_000, 4_000)
