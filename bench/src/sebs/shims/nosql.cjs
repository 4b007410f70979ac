// Stands in for SeBS's module `nosql`, with its interface: tables of items with a primary and a secondary key, in memory.
'use strict'

const tables = new Map()

/** The items of one primary key, by their secondary keys. */
function itemsOf(table, [, primary]) {
  if (!tables.has(table)) tables.set(table, new Map())
  const parts = tables.get(table)
  if (!parts.has(primary)) parts.set(primary, new Map())
  return parts.get(primary)
}

let instance = null

class Nosql {
  async insert(table, primary, secondary, data) {
    const item = { ...data, [primary[0]]: primary[1], [secondary[0]]: secondary[1] }
    itemsOf(table, primary).set(secondary[1], item)
  }

  async get(table, primary, secondary) {
    const item = itemsOf(table, primary).get(secondary[1])
    return item && { ...item }
  }

  async update(table, primary, secondary, changes) {
    await this.insert(table, primary, secondary, { ...(await this.get(table, primary, secondary)), ...changes })
  }

  async query(table, primary) {
    return Array.from(itemsOf(table, primary).values(), (item) => ({ ...item }))
  }

  async delete(table, primary, secondary) {
    itemsOf(table, primary).delete(secondary[1])
  }

  static get_instance() {
    return (instance ??= new Nosql())
  }
}

exports.nosql = Nosql
