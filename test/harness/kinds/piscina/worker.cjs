// The worker of piscina's first example.
module.exports = ({ a, b }) => {
  return a + b
}
