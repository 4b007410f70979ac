// Fills in a page from a file beside the function.
const { readFile } = require('node:fs/promises')
const { join } = require('node:path')

exports.handler = async ({ username, random_len }) => {
  const page = await readFile(join(__dirname, 'templates', 'page.html'), 'utf8')
  const items = Array.from({ length: random_len }, () => `<li>${Math.floor(Math.random() * 100)}</li>`)
  return { result: page.replace('{name}', username).replace('{items}', items.join('')) }
}
