// Few rules: promises, exhaustive switches, type imports, and walls between the rooms of packages/rfaas/src.
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

const SOURCES = 'packages/rfaas/src'

/**
 * What a room may not import: `pattern` is a regular expression over the specifier, without slashes escaped.
 *
 * @typedef {{ pattern: string, message: string }} Wall
 */

/** @type {Wall} */
const noManagers = {
  pattern: String.raw`^(\.{1,2}/(.*/)?(resource-manager|executor-manager|config|cli)/|(\.\./)+index\.ts$|rfaas($|/))`,
  message: 'Nothing stands between client and worker: the data plane knows no manager, no configuration, no CLI.',
}
/** @type {Wall} */
const noInputOutput = {
  pattern: String.raw`^(node:)?(fs|net|tls|dgram|dns|http|https|http2|child_process|worker_threads|cluster|sqlite|timers|perf_hooks)($|/)|^(@connectrpc/|@rfaas/fabric($|/))`,
  message: 'This room is pure: it computes, others do the I/O.',
}
/** @type {Wall} */
const noMains = {
  pattern: '^(pino|commander)($|/)',
  message: 'Only cli/ logs and reads arguments; the library throws errors and publishes events.',
}
/** @type {Wall} */
const noRfaas = {
  pattern: String.raw`^rfaas($|/)|^(\.\./)+rfaas/`,
  message: '@rfaas/fabric moves bytes and knows nothing of what they mean.',
}

/**
 * The walls of one room, for both forms of import. One set per file: a later set would replace an earlier one.
 *
 * @param {Wall[]} walls
 */
function wallRules(walls, syntax = []) {
  // A selector's regular expression ends at the first slash, escaped or not.
  const dynamic = walls.map(({ pattern, message }) => ({
    selector: `ImportExpression[source.value=/${pattern.replaceAll('/', String.raw`\x2F`)}/]`,
    message,
  }))
  return {
    'no-restricted-imports': [
      'error',
      { patterns: walls.map(({ pattern, message }) => ({ regex: pattern, message })) },
    ],
    'no-restricted-syntax': ['error', ...dynamic, ...syntax],
  }
}

const PASS_THE_CLOCK = 'The clock is passed in: pure code and its tests never wait.'
const pureRules = {
  ...wallRules(
    [noManagers, noInputOutput, noMains],
    [{ selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: PASS_THE_CLOCK }],
  ),
  'no-restricted-properties': [
    'error',
    { object: 'Date', property: 'now', message: PASS_THE_CLOCK },
    { object: 'process', property: 'hrtime', message: PASS_THE_CLOCK },
  ],
  'no-restricted-globals': [
    'error',
    ...['performance', 'setTimeout', 'setInterval', 'setImmediate'].map((name) => ({ name, message: PASS_THE_CLOCK })),
    { name: 'fetch', message: noInputOutput.message },
  ],
}

const TESTS = '**/*.test.ts'
const unusedVars = { argsIgnorePattern: '^_', varsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' }

export default defineConfig(
  globalIgnores(['**/dist/', '**/build/', 'out/', 'coverage/', `${SOURCES}/control/gen/`]),
  { files: ['**/*.mjs'], rules: { 'no-unused-vars': ['error', unusedVars] } },
  {
    files: ['**/*.ts'],
    plugins: { '@typescript-eslint': tseslint.plugin },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['describe', 'it', 'suite', 'test'] },
          ],
        },
      ],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-unused-vars': ['error', unusedVars],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  // The rooms. Tests may reach over the walls, to set up what they need.
  { files: ['packages/fabric/src/**/*.ts'], ignores: [TESTS], rules: wallRules([noRfaas, noMains]) },
  { files: [`${SOURCES}/**/*.ts`], ignores: [TESTS, `${SOURCES}/cli/**`], rules: wallRules([noMains]) },
  {
    files: [`${SOURCES}/{client,executor}/**/*.ts`],
    // local-thread.ts is the embedded default: it starts a manager and a node in this process, and so must know both.
    ignores: [TESTS, `${SOURCES}/client/local-thread.ts`],
    rules: wallRules([noManagers, noMains]),
  },
  { files: [`${SOURCES}/{accounting,lease,protocol}/**/*.ts`], ignores: [TESTS], rules: pureRules },
)
