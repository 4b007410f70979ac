const NODE_MAJOR_MIN = 24

/**
 * What to tell the user of a Node that is too old, in one sentence; null when it is new enough.
 *
 * @param {string} version such as 24.1.0
 * @returns {string | null}
 */
export function refusalOf(version) {
  if (Number(version.split('.')[0]) >= NODE_MAJOR_MIN) return null
  return `rfaas: Cannot run on Node.js ${version}: it needs ${NODE_MAJOR_MIN} or newer (https://nodejs.org/en/download).`
}
