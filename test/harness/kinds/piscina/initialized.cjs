// From piscina's page: "Delaying Availability of Workers".
async function initialize() {
  await new Promise((resolve) => setTimeout(resolve, 1))
  const factor = 3
  return ({ a }) => a * factor
}
module.exports = initialize()
