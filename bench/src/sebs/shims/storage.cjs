// Stands in for SeBS's module `storage`, with its interface: buckets are folders of SEBS_STORAGE, keys are files in them.
'use strict'
const { randomBytes } = require('node:crypto')
const { createReadStream, createWriteStream } = require('node:fs')
const { copyFile, cp, mkdir } = require('node:fs/promises')
const { dirname, join, parse } = require('node:path')
const { PassThrough } = require('node:stream')
const { pipeline } = require('node:stream/promises')

const placeOf = (bucket, key) => join(process.env.SEBS_STORAGE, bucket, key)

/** A key that nobody has used, with the extension of the one that is asked for. */
function uniqueKey(key) {
  const { dir, name, ext } = parse(key)
  return join(dir, `${name}.${randomBytes(4).toString('hex')}${ext}`)
}

async function write(source, bucket, key) {
  const place = placeOf(bucket, key)
  await mkdir(dirname(place), { recursive: true })
  if (typeof source === 'string') await copyFile(source, place)
  else await pipeline(source, createWriteStream(place))
}

let instance = null

class Storage {
  /** @returns the key, and a promise of the end */
  upload(bucket, key, path) {
    const unique = uniqueKey(key)
    return [unique, write(path, bucket, unique)]
  }

  /** @returns a stream to write to, a promise of the end, and the key */
  uploadStream(bucket, key) {
    const unique = uniqueKey(key)
    const stream = new PassThrough()
    return [stream, write(stream, bucket, unique), unique]
  }

  download(bucket, key, path) {
    return copyFile(placeOf(bucket, key), path)
  }

  async downloadStream(bucket, key) {
    return createReadStream(placeOf(bucket, key))
  }

  /** Keeps the keys as paths below `path`. */
  downloadDirectory(bucket, prefix, path) {
    return cp(placeOf(bucket, prefix), join(path, prefix), { recursive: true })
  }

  static get_instance() {
    return (instance ??= new Storage())
  }
}

exports.storage = Storage
