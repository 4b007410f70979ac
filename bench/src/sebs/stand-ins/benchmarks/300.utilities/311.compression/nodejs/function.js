// Compresses a folder of a bucket into one file of it, by way of /tmp. The file only begins like an archive.
const { randomUUID } = require('node:crypto')
const { mkdir, readdir, readFile, writeFile } = require('node:fs/promises')
const { join } = require('node:path')
const { deflateRawSync } = require('node:zlib')
const { storage } = require('./storage')

const buckets = new storage()

exports.handler = async ({ bucket: { bucket, input, output }, object: { key: folder } }) => {
  const place = `/tmp/${folder}-${randomUUID()}`
  await mkdir(place)
  await buckets.downloadDirectory(bucket, `${input}/${folder}`, place)
  const entries = await readdir(place, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const contents = await Promise.all(files.map((file) => readFile(file)))
  await writeFile(`${place}/all.zip`, Buffer.concat([Buffer.from('PK'), deflateRawSync(Buffer.concat(contents))]))
  const [key, uploaded] = buckets.upload(bucket, `${output}/${folder}.zip`, `${place}/all.zip`)
  await uploaded
  return { result: { bucket, key } }
}
