/** Main text; explanatory text. */
export const INK = '#1b1f24'
export const MUTED = '#6a737d'

export const OURS_LOCAL = '#0b6bcb'
export const OURS_LOCAL_DARK = '#0a3d73'
export const OURS_LOCAL_PALE = '#5aa9e6'
export const OURS_NETWORK = '#c2410c'
export const OURS_NETWORK_PALE = '#ea8a5c'
/** The bare machine in C, over shared memory and over the network. */
export const RAW_LOCAL = '#7f8c99'
export const RAW_NETWORK = '#a8937f'

/** Colors of other lines, distinguishable also by people with limited color vision. */
export const OTHERS: readonly string[] = [
  '#2e7d5b',
  '#8e5ea2',
  '#b8860b',
  '#d1495b',
  '#4d6cc1',
  '#7a7a2a',
  '#9c5a3c',
  '#3d8f8f',
  '#a2567b',
  '#5b5b6b',
]
