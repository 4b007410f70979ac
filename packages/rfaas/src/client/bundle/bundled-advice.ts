/**
 * What to do about rfaas inside of a bundle, where neither its threads' files nor its bundler are beside it. In an
 * executor that bundle is ours: it has rfaas when functions lease, or when their module is a program, too.
 */
export function bundledAdvice(): string {
  return process.env['RFAAS_EXECUTOR'] === undefined
    ? 'rfaas must stay outside of your own bundle (esbuild: --packages=external, or --external:rfaas)'
    : 'functions cannot lease in an executor; if their module is also the program, put the program into `if (import.meta.main) { … }`'
}
