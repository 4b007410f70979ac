/**
 * What to do about rfaas inside of a bundle, where neither its threads' files nor its bundler are beside it. In an
 * executor that bundle is ours: it has rfaas inside when rfaas was bundled into the functions before we bundled them.
 */
export function bundledAdvice(): string {
  return process.env['RFAAS_EXECUTOR'] === undefined
    ? 'rfaas must stay outside of your own bundle (esbuild: --packages=external, or --external:rfaas)'
    : 'functions can lease only with an rfaas that is installed where their module finds it; if that module is also the program, put the program into `if (import.meta.main) { … }`'
}
