/** An emulated machine takes so many times as long for everything. */
export const PATIENCE: number = Number(process.env['RFAAS_TEST_PATIENCE'] ?? 1)
