import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseHTML } from 'linkedom'
import { result } from '../result-fixture.ts'
import { renderPage } from './page.ts'

test('renderPage shows the three ways, the distributions, the phases, the bill and the checks', () => {
  const { document } = parseHTML(renderPage(result))
  const figures = [...document.querySelectorAll('svg')].map((svg) => svg.getAttribute('aria-label'))
  assert.deepEqual(figures, [
    'Options priced in a second',
    'Round trips of a no-op at each percentile',
    'The phases of the job',
  ])
  const text = document.body.textContent
  for (const part of [
    '28.6 million/s, 1.81 × as fast',
    'rfaas, tcp: median 0.512 µs',
    '1,200 ms',
    '5.42e-6',
    'passed',
  ]) {
    assert.ok(text.includes(part), `it says nothing of ${part}`)
  }
})

test('renderPage gives no ratio for a portfolio that is too small, but says why', () => {
  const { document } = parseHTML(renderPage({ ...result, speedup: null }))
  assert.equal(document.querySelectorAll('svg').length, 2)
  assert.doesNotMatch(document.body.textContent, /as fast/)
  assert.match(document.body.textContent, /too little work to share out/)
})

test('renderPage needs nothing but itself, and takes names as text', () => {
  const source = `<script>alert("1")</script> & 'more'`
  const page = renderPage({ ...result, portfolio: { ...result.portfolio, source } })
  const { document } = parseHTML(page)
  assert.equal(document.querySelectorAll('script, link, img').length, 0)
  assert.doesNotMatch(page.replaceAll('http://www.w3.org/', ''), /https?:/)
  assert.ok(document.querySelector('p')!.textContent.startsWith(source))
})
