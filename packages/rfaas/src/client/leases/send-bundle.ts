import type { ExecutorManagerClient } from '../../control/client.ts'
import { RfaasError } from '../../errors.ts'
import { identityOf, type SeenFile } from '../../file-identity.ts'
import type { Bundle } from '../bundle/bundle.ts'
import type { PackedBundle } from '../bundle/pack.ts'

export type NodeRpc = Pick<ExecutorManagerClient['rpc'], 'hasBundle' | 'putBundle'>

/** How a node is asked to run a bundle. */
export interface BundleForm {
  readonly bundleSha256: string
  /** Files that the node must see as this client does. */
  readonly seenFiles: SeenFile[]
}

/** The functions of a lease on their way to its nodes. */
export interface LeasedCode {
  /** Of the bundle. */
  readonly sha256: string
  /** The name and version under which they are deployed, such as `pricing@2`; null: they were not. */
  readonly deployed: string | null
  /** In which form the node will probably run them. */
  formFor(nodeId: string): Promise<BundleForm>
  /**
   * Sends them to a node that has said `not_found`, in the form that it can run.
   *
   * @param token of the lease
   * @returns the form that they have now
   */
  send(rpc: NodeRpc, nodeId: string, token: () => string): Promise<BundleForm>
}

/**
 * One bundle on its way to the nodes of one lease. A node that sees the client's files gets the module alone; any other
 * gets the packed form, with packages and files. All nodes of the lease get the same.
 */
export class SentBundle implements LeasedCode {
  readonly deployed = null
  readonly bundle: Bundle
  readonly #distantNodes: Set<string>
  #packed: Promise<PackedBundle> | null = null

  /** @param distantNodes ids of nodes that do not see this client's files, as far as that is known; filled here */
  constructor(bundle: Bundle, distantNodes: Set<string>) {
    this.bundle = bundle
    this.#distantNodes = distantNodes
  }

  get sha256(): string {
    return this.bundle.sha256
  }

  async formFor(nodeId: string): Promise<BundleForm> {
    if (this.#isDistant(nodeId)) return { bundleSha256: (await this.#pack()).sha256, seenFiles: [] }
    return { bundleSha256: this.bundle.sha256, seenFiles: this.#seenFiles() }
  }

  /**
   * @throws {RfaasError} `module_failed` when the node does not take so large a bundle, `lease_denied` when it has no
   * room, and what the calls throw
   */
  async send(rpc: NodeRpc, nodeId: string, token: () => string): Promise<BundleForm> {
    const { sha256, code, pack } = this.bundle
    if (pack !== null && !this.#isDistant(nodeId)) {
      const { seesFiles } = await rpc.hasBundle({ token: token(), sha256, seenFiles: this.#seenFiles() })
      if (!seesFiles) this.#distantNodes.add(nodeId)
    }
    const form = await this.formFor(nodeId)
    if (!this.#isDistant(nodeId)) await rpc.putBundle({ token: token(), sha256, code: code as Uint8Array<ArrayBuffer> })
    else await sendPacked(rpc, await this.#pack(), token)
    return form
  }

  #isDistant(nodeId: string): boolean {
    return this.bundle.pack !== null && this.#distantNodes.has(nodeId)
  }

  #seenFiles(): SeenFile[] {
    return this.bundle.places.map((path) => ({ path, identity: identityOf(path) }))
  }

  async #pack(): Promise<PackedBundle> {
    this.#packed ??= this.bundle.pack!()
    return this.#packed
  }
}

/** What travels of a packed bundle. */
export interface PackedBytes {
  /** The name of the bundle. */
  readonly sha256: string
  readonly manifest: Uint8Array<ArrayBuffer>
  /** The contents in slices, each valid until the next. */
  slices(): AsyncIterable<Uint8Array<ArrayBuffer>>
}

/** Sends a packed bundle to a node, unless it has it. */
export async function sendPacked(
  rpc: NodeRpc,
  { sha256, manifest, slices }: PackedBytes,
  token: () => string,
): Promise<void> {
  let { complete } = await withNewest(token, (newest) => rpc.putBundle({ token: newest, sha256, manifest }))
  if (complete) return
  let offset = 0
  for await (const code of slices()) {
    const at = offset
    complete = (await withNewest(token, (newest) => rpc.putBundle({ token: newest, sha256, code, offset: at })))
      .complete
    offset += code.byteLength
  }
  if (!complete) throw new RfaasError('internal', `Cannot send bundle ${sha256}: the node waits for more`)
}

/**
 * A lease may be renewed while a slice is on its way. The node then refuses the older token of the slice, before it
 * looks at the bytes: they are sent again with the newest one.
 */
async function withNewest<T>(token: () => string, send: (token: string) => Promise<T>): Promise<T> {
  const shown = token()
  try {
    return await send(shown)
  } catch (error) {
    const newest = token()
    if (!(error instanceof RfaasError) || error.code !== 'token_refused' || newest === shown) throw error
    return send(newest)
  }
}
