/**
 * The cumulative distribution function of the standard normal distribution, with an absolute error below 1e-15: Hart's
 * rational approximation, as West gives it in "Better approximations to cumulative normal functions" (2005). PARSEC's
 * polynomial is off by up to 7.5e-8, which would hide real deviations; ours costs only a few multiplications more,
 * because both take one exponential.
 *
 * @param x any number; NaN gives NaN
 */
export function cumulativeNormal(x: number): number {
  const z = Math.abs(x)
  if (z > 38) return x > 0 ? 1 : 0
  const tail = z < 7.07106781186547 ? hart(z) : continuedFraction(z)
  return x > 0 ? 1 - tail : tail
}

function hart(z: number): number {
  let above = 3.52624965998911e-2 * z + 0.700383064443688
  above = above * z + 6.37396220353165
  above = above * z + 33.912866078383
  above = above * z + 112.079291497871
  above = above * z + 221.213596169931
  above = above * z + 220.206867912376
  let below = 8.83883476483184e-2 * z + 1.75566716318264
  below = below * z + 16.064177579207
  below = below * z + 86.7807322029461
  below = below * z + 296.564248779674
  below = below * z + 637.333633378831
  below = below * z + 793.826512519948
  below = below * z + 440.413735824752
  return (Math.exp(-0.5 * z * z) * above) / below
}

function continuedFraction(z: number): number {
  const below = z + 1 / (z + 2 / (z + 3 / (z + 4 / (z + 0.65))))
  return Math.exp(-0.5 * z * z) / below / 2.506628274631
}
