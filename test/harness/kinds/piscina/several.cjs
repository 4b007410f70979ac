// From piscina's page: several functions in one file, `pool.run({ a: 4 }, { name: 'multiply' })`.
function add({ a, b }) {
  return a + b
}
function multiply({ a, b }) {
  return a * b
}
add.add = add
add.multiply = multiply
module.exports = add
