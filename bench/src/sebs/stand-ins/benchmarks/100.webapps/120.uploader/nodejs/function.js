// Brings a file from the web into a bucket, by way of /tmp.
const { writeFile } = require('node:fs/promises')
const { storage } = require('./storage')

const bucketsOf = new storage()

exports.handler = async ({ bucket: { bucket, output }, object: { url } }) => {
  const name = url.split('/').at(-1)
  await writeFile(`/tmp/${name}`, await (await fetch(url)).bytes())
  const [key, uploaded] = bucketsOf.upload(bucket, `${output}/${name}`, `/tmp/${name}`)
  await uploaded
  return { result: { bucket, url, key } }
}
