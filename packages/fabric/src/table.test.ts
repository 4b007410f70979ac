import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'

/** Adds and removes more objects than the table has places, at first 64 at a time, then until all places are full. */
const program = `
#undef NDEBUG
#include "table.h"
#include <assert.h>

static table t = TABLE_INIT;

int main(void) {
  int items[64];
  int64_t ids[64] = {0}, last = 0;
  for (int64_t n = 0; n < 3 * (int64_t)TABLE_PLACES; n++) {
    int64_t* id = ids + n % 64;
    if (*id) {
      assert(table_get(&t, *id) == items + n % 64);
      assert(table_remove(&t, *id) == items + n % 64);
      assert(table_remove(&t, *id) == NULL);
      last = *id;
    }
    *id = table_add(&t, items + n % 64);
    assert(*id > 0 && *id <= TABLE_ID_MAX);
    assert(last == 0 || (*id != last && table_get(&t, last) == NULL));
  }
  assert(t.used == 64);
  assert(ids[0] != ids[1] && table_get(&t, 1) == NULL);
  // The last number that JavaScript has exactly is the last of its place.
  table_place* place = table_place_of(&t, ids[0]);
  place->id = ids[0] += (TABLE_ID_MAX - ids[0]) / TABLE_PLACES * TABLE_PLACES;
  assert(table_remove(&t, ids[0]) == items);
  int64_t next = table_add(&t, items);
  assert(next == 65 && table_get(&t, next) == items);
  for (int64_t n = t.used; n < TABLE_PLACES; n++) assert(table_add(&t, items));
  assert(table_add(&t, items) == 0);
  assert(table_remove(&t, next) == items && table_add(&t, items) == next + TABLE_PLACES);
}
`

it('table.h: places are used again, numbers are not; a stale number finds nothing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rfaas-table-'))
  try {
    const binary = join(folder, 'table')
    const include = fileURLToPath(new URL('../native', import.meta.url))
    const flags = ['-std=gnu17', '-O2', '-Wall', '-Wextra', '-Werror', `-I${include}`]
    execFileSync('cc', [...flags, '-x', 'c', '-', '-o', binary, '-lpthread'], { input: program })
    assert.equal(execFileSync(binary).length, 0)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
