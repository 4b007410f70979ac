import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before } from 'node:test'

/** A folder of the tests of one `describe`; there from the first test on. */
export interface TestFolder {
  /** Its path, without links. */
  readonly path: string
  /** Writes a file, and the folders that it needs; returns its path. */
  file(name: string, text: string): Promise<string>
}

/** Called in a `describe`: makes a folder for its tests, and removes it after them. */
export function testFolder(): TestFolder {
  let folder: string
  before(async () => void (folder = await realpath(await mkdtemp(join(tmpdir(), 'rfaas-bundle-')))))
  after(() => rm(folder, { recursive: true }))
  return {
    get path() {
      return folder
    },
    file: async (name, text) => {
      const path = join(folder, name)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, text)
      return path
    },
  }
}
