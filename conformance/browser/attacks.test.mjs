// Cases 47 to 50 of docs/dev/cases.md, in Chromium: pages of others, and pages whose name was made to mean this machine.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Demo, World } from '../foreign/daemon.mjs'
import { attack, launch, rebinding, site } from './sites.mjs'

const world = new World()
let app // the site that is allowed
let evil, daemon, browser, token

before(async () => {
  const blank = '<!doctype html><title>blank</title><body>'
  app = await site({ '/': blank })
  evil = await site({ '/': blank })
  daemon = new Demo(world, '--origin', `http://app.test:${app.port}`, '--host', 'lounge.test')
  await daemon.start()
  token = await world.run('token', 'new', 'lounge', '--level', 'admin')
  browser = await launch()
})
after(async () => {
  await browser?.end()
  app.end()
  evil.end()
  await world.end()
})

const url = () => `http://127.0.0.1:${daemon.port}`

// nothing ran: nobody is in the room that every attack would make.
async function nothingRan() {
  assert.match(await world.run('get', 'lounge.status'), /"rooms":0,/)
}

describe('Chromium', { timeout: 300_000 }, () => {
  test('case 47: a rebound name', async (t) => {
    const page = await browser.page()
    const name = await rebinding(() => daemon.port)
    t.after(name.end)
    const at = `http://evil.test:${name.port}`
    await page.goto(at + '/before')
    name.rebind()
    const told = await page.evaluate(attack, { at, token })
    for (const name of ['json', 'bearer', 'get', 'page', 'put', 'text', 'message', 'blob', 'get no-cors']) assert.match(told[name], /^421 /, name)
    for (const name of ['image', 'script', 'module', 'style', 'events', 'socket']) assert.equal(told[name], 'refused', name)
    assert.equal((await page.goto(at + '/')).status(), 421)
    assert.ok(page.seen.every((line) => line === 'GET /before 200' || line.endsWith(' 421')), page.seen.join('\n'))
    await nothingRan()
    assert.equal((await page.goto(`http://lounge.test:${daemon.port}/`)).status(), 200) // the owner gave it that name
    await page.close()
  })

  for (const host of ['evil.test', 'localhost.evil.test', 'lounge.test.evil.test', 'xapp.test']) {
    test(`case 48, 49: pages of ${host}`, async () => {
      const page = await browser.page()
      await page.goto(`http://${host}:${evil.port}/`)
      const sockets = []
      page.on('websocket', (ws) => ws.on('socketerror', (e) => sockets.push(e)))
      const told = await page.evaluate(attack, { at: url(), token })
      for (const name of ['text', 'message', 'blob', 'get no-cors']) assert.match(told[name], /^(opaque|refused)$/, name)
      for (const name of ['json', 'bearer', 'get', 'page', 'put', 'image', 'script', 'module', 'style', 'events', 'socket']) assert.equal(told[name], 'refused', name)
      assert.ok(page.seen.every((line) => line.endsWith(' 403') || line === 'GET / 200'), page.seen.join('\n'))
      assert.equal(page.seen.filter((line) => line === 'GET / 200').length, 1, 'its own page') // and none of ours
      assert.match(sockets.join(), /403/)
      await nothingRan()
      await page.close()
    })
  }

  test('case 48: forms of others', async () => {
    for (const [action, enctype, name] of [
      ['/lounge.join', 'text/plain', '{"room":"pwned","name":"evil","x":"'],
      ['/', 'text/plain', '{"id":1,"method":"lounge.join","params":{"room":"pwned","name":"evil"},"x":"'],
      ['/lounge.join?room=pwned&name=evil', 'application/x-www-form-urlencoded', 'room'],
      ['/lounge.join', 'multipart/form-data', 'room'],
    ]) {
      const page = await browser.page()
      await page.goto(`http://evil.test:${evil.port}/`)
      await page.evaluate(({ url, enctype, name }) => {
        const form = Object.assign(document.createElement('form'), { method: 'post', action: url, enctype })
        form.append(Object.assign(document.createElement('input'), { name, value: '"}' }))
        document.body.append(form)
        form.submit()
      }, { url: url() + action, enctype, name })
      await page.waitForURL(url() + '/**')
      assert.equal(page.seen.at(-1), `POST ${action.split('?')[0]} 403`)
      await page.close()
    }
    await nothingRan()
  })

  test('case 48: a link may be followed to a page, and to nothing else', async () => {
    const page = await browser.page()
    for (const [to, status] of [['/', 200], ['/docs', 200], ['/lounge.status', 403]]) {
      await page.goto(`http://evil.test:${evil.port}/`)
      await page.evaluate((to) => { location.href = to }, url() + to)
      await page.waitForURL(url() + to)
      assert.equal(page.seen.findLast((line) => line.startsWith(`GET ${to} `)), `GET ${to} ${status}`)
    }
    await page.close()
  })

  test('case 49: an origin that is none', async () => {
    const page = await browser.page()
    await page.goto(`http://app.test:${app.port}/`) // which itself is allowed
    const told = await page.evaluate(async ({ url }) => {
      const frame = Object.assign(document.createElement('iframe'), { sandbox: 'allow-scripts', srcdoc: `<script>
        const ws = new WebSocket("${url.replace('http', 'ws')}/")
        ws.onopen = () => parent.postMessage("worked", "*")
        ws.onerror = () => fetch("${url}/sabir.js").then(() => parent.postMessage("readable", "*"), () => parent.postMessage("refused", "*"))
      </script>` })
      const said = new Promise((resolve) => addEventListener('message', (e) => resolve(e.data)))
      document.body.append(frame)
      return said
    }, { url: url() })
    assert.equal(told, 'refused')
    await page.close()
  })

  test('an origin that is allowed may do everything that its token may', async () => {
    const page = await browser.page()
    await page.goto(`http://app.test:${app.port}/`)
    const told = await page.evaluate(async ({ url, token }) => {
      const { connect } = await import(url + '/sabir.js')
      const lounge = connect(url, { token })
      const { you } = await lounge.call('rpc.info')
      const headers = { Authorization: 'Bearer ' + token, 'Content-Type': 'application/json' }
      const posted = await fetch(url + '/rpc.ping', { method: 'POST', headers, body: '{}' })
      const stranger = await fetch(url + '/rpc.ping', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' })
      return [you.level, posted.status, stranger.status, (await stranger.json()).data.name]
    }, { url: url(), token })
    assert.deepEqual(told, ['admin', 200, 401, 'rpc.Denied'])
    await page.close()
  })

  test('case 50: nobody frames our pages', async () => {
    for (const from of [`http://evil.test:${evil.port}/`, `http://app.test:${app.port}/`, url() + '/']) {
      const page = await browser.page()
      const refusals = []
      page.on('console', (m) => refusals.push(m.text()))
      await page.goto(from)
      for (const to of ['/', '/docs']) {
        await page.evaluate((src) => new Promise((resolve) => {
          const frame = Object.assign(document.createElement('iframe'), { src })
          frame.onload = resolve
          document.body.append(frame)
        }), url() + to)
      }
      while (refusals.filter((text) => /Content Security Policy|403/.test(text)).length < 2) await page.evaluate(() => 0) // it is told a little later
      for (const frame of page.frames().slice(1)) assert.equal(await frame.locator('#page').count(), 0)
      assert.equal(page.frames().length, 3)
      await page.close()
    }
  })

  test('case 50: what a service says is text', async () => {
    const bad = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'
    const file = path.join(world.dir, 'hostile.sabir')
    writeFileSync(file, `// ${bad} javascript:window.pwned=1
service hostile 1.0

// ${bad}
method m(a: string(pattern="[<>]")) -> (b: string) ! E
// ${bad}
state s: S

type S { text: string, list: [string], at: time }
// ${bad}
error E { why: string }
`)
    const value = JSON.stringify({ text: bad, list: [bad], at: '2026-01-01T00:00:00Z' })
    writeFileSync(path.join(world.dir, 'hostile.sh'), `cat <<'EOT'\n${value}\nEOT\nsleep 600\n`)
    await world.start(/hostile listens on/, 'export', file, '--', 'sh', path.join(world.dir, 'hostile.sh'))
    const { found: [to] } = await world.start(/^http:.*/, 'web', 'hostile')
    const page = await browser.page()
    for (const path of ['/', '/docs']) {
      await page.goto(to.replace('/#', path + '#'))
      await page.getByText('onerror').first().waitFor()
      if (path === '/') await page.locator('dd', { hasText: 'onerror' }).first().waitFor()
      assert.equal(await page.evaluate(() => window.pwned), undefined)
      assert.equal(await page.locator('#page img, #page script').count(), 0)
    }
    // Nor would it run if it were markup.
    await page.evaluate(() => document.body.insertAdjacentHTML('beforeend', '<img src="data:," onerror="window.pwned=1"><a id=x href="javascript:window.pwned=1">x</a>'))
    await page.evaluate(() => document.getElementById('x').click())
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100))) // time in which nothing may happen
    assert.equal(await page.evaluate(() => window.pwned), undefined)
    await page.close()
  })
})
