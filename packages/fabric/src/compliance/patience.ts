/** How many times as long everything takes on an emulated machine. */
export const PATIENCE: number = Number(process.env['RFAAS_TEST_PATIENCE'] ?? 1)
