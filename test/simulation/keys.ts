import type { SigningKeys, VerifyingKey } from '../../packages/rfaas/src/lease/token.ts'

const SEPARATOR = '#'

/** Cheap keys: here a signature only needs to differ when the payload or the key differs. */
export function makeKeys(secret: string): SigningKeys {
  return {
    privateKey: {
      sign: async (payload) => {
        const text = new TextDecoder().decode(payload)
        return text + SEPARATOR + hash(secret + text)
      },
    },
    publicKey: verifyingKey(secret),
    publicKeyJwk: secret,
  }
}

export async function importKey(publicKeyJwk: string): Promise<VerifyingKey> {
  return verifyingKey(publicKeyJwk)
}

function verifyingKey(secret: string): VerifyingKey {
  return {
    verify: async (token) => {
      const text = payloadOf(token)
      if (token.slice(text.length + 1) !== hash(secret + text)) throw new Error('signature verification failed')
      return new TextEncoder().encode(text)
    },
  }
}

/** The payload of a token, whoever signed it. */
export function payloadOf(token: string): string {
  return token.slice(0, Math.max(0, token.lastIndexOf(SEPARATOR)))
}

/** FNV-1a. */
function hash(text: string): string {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return (value >>> 0).toString(36)
}
