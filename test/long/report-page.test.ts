/** The page of the main job in a browser: what it shows is there, in view, and nothing lies over anything. */
import { strict as assert } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { test, type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { renderPage } from '../../examples/black-scholes/page/page.ts'
import { result } from '../../examples/black-scholes/result-fixture.ts'
import { installPackages, reasonAgainst } from '../../scripts/debian-packages.ts'

const PACKAGES = ['chromium-headless-shell']
const WIDTH = 960

/** What the browser finds out, by a script that the test adds to the page. */
interface Seen {
  /** Figures: what each is called, and its size in pixels. */
  figures: { name: string; width: number; height: number }[]
  /** Texts of the page that are not wholly within the window. */
  outside: string[]
  /** Pairs of texts that lie over each other. */
  overlapping: string[]
  /** Width of the page's content; more than the window's means that one has to scroll sideways. */
  width: number
}

const LOOK = `
  const boxes = [...document.querySelectorAll('svg text, h1, h2, p, li, th, td')]
    .filter((element) => element.textContent.trim() !== '' && !element.querySelector('text'))
    .map((element) => ({ text: element.textContent.trim(), box: element.getBoundingClientRect() }))
  const overlap = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1
  const seen = {
    figures: [...document.querySelectorAll('svg')].map((svg) => {
      const { width, height } = svg.getBoundingClientRect()
      return { name: svg.getAttribute('aria-label'), width, height }
    }),
    outside: boxes.filter(({ box }) => box.left < 0 || box.right > innerWidth || box.width === 0).map(({ text }) => text),
    overlapping: boxes.flatMap((one, index) =>
      boxes.slice(index + 1).filter((other) => overlap(one.box, other.box)).map((other) => one.text + ' | ' + other.text)),
    width: document.documentElement.scrollWidth,
  }
  document.body.textContent = 'SEEN' + JSON.stringify(seen) + 'END'
`

for (const speedup of [result.speedup, null]) {
  test(`the page ${speedup === null ? 'without' : 'with'} a comparison is whole in Chromium`, async (context) => {
    if (!isBrowserThere(context)) return
    await using folder = await mkdtempDisposable(join(tmpdir(), 'rfaas-page-'))
    const file = join(folder.path, 'report.html')
    await writeFile(file, renderPage({ ...result, speedup }).replace('</body>', `<script>${LOOK}</script></body>`))
    const { figures, ...seen } = look(file, folder.path)
    assert.equal(figures.length, speedup === null ? 2 : 3)
    for (const { name, width, height } of figures)
      assert.ok(width > 600 && height > 50, `${name}: ${width} × ${height}`)
    assert.deepEqual(seen, { outside: [], overlapping: [], width: WIDTH })
  })
}

function isBrowserThere(context: TestContext): boolean {
  const against = reasonAgainst(PACKAGES) ?? installPackages(PACKAGES)
  if (against !== null) context.skip(against)
  return against === null
}

function look(file: string, home: string): Seen {
  // Its sandbox needs rights that a container may not give; the page is ours.
  const args = [
    '--no-sandbox',
    '--hide-scrollbars',
    `--window-size=${WIDTH},1200`,
    '--dump-dom',
    pathToFileURL(file).href,
  ]
  const env = { ...process.env, HOME: home, TMPDIR: home }
  const dom = execFileSync('chromium-headless-shell', args, {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const json = /SEEN(.*)END/s.exec(dom)?.[1]
  assert.ok(json !== undefined, `the script of the test did not run: ${dom}`)
  return JSON.parse(json.replaceAll('&amp;', '&')) as Seen
}
