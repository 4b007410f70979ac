/** See compile-addon.mjs. */
export declare function compileAddon(what: {
  addon: 'rfaas_host' | 'rfaas_verbs'
  compiler: string[]
  includes: string[]
  libraries?: string[]
  out: string
}): Promise<{ ok: boolean; output: string }>
