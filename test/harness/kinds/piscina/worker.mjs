// From piscina's page, as an ECMAScript module.
export default async ({ a, b }) => {
  await new Promise((resolve) => setTimeout(resolve, 1))
  return a + b
}
