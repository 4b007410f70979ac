import * as Format from './compact-format.ts'

/* Arrays of numbers in the compact format: which item one is, and how wide its numbers are. */

/** Which item an array is: that of its narrowest numbers, or ARRAY when it has anything else or nothing. */
export function numbersItem(array: unknown[]): number {
  const { length } = array
  let min = 0
  let max = 0
  let isInteger = true
  for (let i = 0; i < length; i++) {
    const number = array[i]
    if (typeof number !== 'number') return Format.ARRAY
    if (!isInteger) continue
    if (!isInt32(number)) isInteger = false
    else if (number < min) min = number
    else if (number > max) max = number
  }
  if (length === 0) return Format.ARRAY
  if (!isInteger) return Format.FLOAT64S
  if (min >= -128 && max <= 127) return Format.INT8S
  return min >= -32768 && max <= 32767 ? Format.INT16S : Format.INT32S
}

/** Whether a number is what an int32 can be; -0 is not. */
export function isInt32(number: number): boolean {
  return (number | 0) === number && (number !== 0 || 1 / number > 0)
}

/** Bytes of each number of an array with this item. */
export function widthOf(item: number): number {
  return item === Format.FLOAT64S ? 8 : item === Format.INT32S ? 4 : item === Format.INT16S ? 2 : 1
}
