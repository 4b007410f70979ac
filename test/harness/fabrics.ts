import type { FabricChoice } from 'rfaas'

/** The fabrics of a system test that runs over each: those of this machine, or what is left without the addons. */
export const FABRICS: readonly FabricChoice[] = process.env['RFAAS_ADDONS'] === 'none' ? ['threads'] : ['local', 'tcp']
