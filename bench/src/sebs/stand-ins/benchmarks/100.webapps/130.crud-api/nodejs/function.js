// A shopping cart in a table.
const { nosql } = require('./nosql')

const table = nosql.get_instance()

exports.handler = async ({ requests }) => {
  const result = []
  for (const { route, body } of requests) {
    const cart = ['cart', body.cart]
    if (route.startsWith('PUT')) {
      await table.insert('carts', cart, ['product', body.product_id], body)
      result.push({})
    } else {
      const items = await table.query('carts', cart, 'product')
      const total_cost = items.reduce((sum, { price, quantity }) => sum + price * quantity, 0)
      result.push({ products: items.map(({ name }) => name), total_cost })
    }
  }
  return { result }
}
