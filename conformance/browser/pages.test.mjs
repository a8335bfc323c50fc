// What people see, in Chromium: the page of a server, a page of a developer's own, and what both do when a connection
// breaks and when the daemon is another one.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { Demo, Relay, World, stop } from '../foreign/daemon.mjs'
import { below, faint, launch, site } from './sites.mjs'

const world = new World()
let app, daemon, relay, browser, token

before(async () => {
  app = await site({ '/chat': readFileSync(new URL('../../examples/chat-page/chat.html', import.meta.url)), '/': '<!doctype html><body>' })
  daemon = new Demo(world, '--origin', `http://app.test:${app.port}`)
  await daemon.start()
  token = await world.run('token', 'new', 'lounge')
  relay = new Relay(() => daemon.port)
  await relay.listen()
  browser = await launch()
})
after(async () => {
  await browser?.end()
  app.end()
  relay.end()
  await world.end()
})

// what went wrong in a page, which is nothing.
function faults(page) {
  const all = []
  page.on('pageerror', (e) => all.push(String(e)))
  page.on('console', (m) => { if (m.type() === 'error' && !/WebSocket connection/.test(m.text())) all.push(m.text()) })
  return all
}

describe('Chromium', { timeout: 300_000 }, () => {
  test('the page: a token in the fragment, services, states as they change', async () => {
    const page = await browser.page()
    const wrong = faults(page)
    await page.goto(`http://127.0.0.1:${daemon.port}/#t=${token}`)
    await page.locator('#state[data-state=connected]').waitFor()
    await page.locator('.member').first().waitFor()
    assert.equal(page.url(), `http://127.0.0.1:${daemon.port}/`) // and no token to copy
    assert.equal(await page.title(), 'lounge')
    assert.equal(await page.locator('.member').count(), 9)
    await page.locator('.now dt', { hasText: 'rooms' }).locator('+ dd').filter({ hasText: /^0$/ }).waitFor()
    await world.run('call', 'lounge.join', 'room=seen', 'name=ann')
    await page.locator('.now dt', { hasText: 'rooms' }).locator('+ dd').filter({ hasText: /^1$/ }).waitFor()
    const line = page.locator('[id="lounge.say"] .line code')
    assert.match(await line.textContent(), /^curl --json '\{"room":"room","name":"name","text":"text"\}' -H "Authorization: Bearer \$TOKEN" http:\/\/127\.0\.0\.1:\d+\/lounge\.say$/)
    await page.getByLabel('language of the lines').selectOption('sabir')
    assert.equal(await line.textContent(), 'sabir call lounge.say room=room name=name text=text')
    await page.getByLabel('language of the lines').selectOption('js')
    assert.equal(await line.textContent(), 'await server.call("lounge.say", { room: "room", name: "name", text: "text" })')
    await page.reload() // the token is the tab's
    await page.locator('.member').first().waitFor()
    await page.getByRole('link', { name: 'Docs' }).click()
    await page.locator('[id="lounge.NoSuchRoom"]').waitFor()
    assert.match(await page.locator('[id="lounge.Message"] pre').textContent(), /^\{ seq: int, name: string, text: string, at: time \}$/)
    assert.deepEqual(wrong, [])
    await page.close()
  })

  test('the page: who has no token is asked for one', async () => {
    const page = await browser.page()
    await page.goto(`http://127.0.0.1:${daemon.port}/`)
    await page.getByText('Who are you?').waitFor()
    await page.getByLabel('token').fill(token)
    await page.getByRole('button', { name: 'enter' }).click()
    await page.locator('.member').first().waitFor()
    await page.goto('about:blank')
    await page.goto(`http://127.0.0.1:${daemon.port}/#t=2aaaaaaaaa.AAAAAAAAAAAAAAAAAAAAAA`)
    await page.getByText('That token is not taken').waitFor()
    await page.getByText('It is unknown here, revoked or expired.').waitFor()
    await page.close()
  })

  test('the page fits a phone', async () => {
    const page = await browser.page()
    await page.setViewportSize({ width: 360, height: 740 })
    for (const path of ['/', '/docs']) {
      await page.goto(`http://127.0.0.1:${daemon.port}${path}#t=${token}`)
      await page.locator('.member').first().waitFor()
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360)
    }
    await page.close()
  })

  test('the page with a fragment that is none, and where the browser keeps nothing', async () => {
    const page = await browser.page()
    const wrong = faults(page)
    await page.goto(`http://127.0.0.1:${daemon.port}/#t=${token}`)
    await page.locator('.member').first().waitFor()
    await page.goto('about:blank')
    await page.goto(`http://127.0.0.1:${daemon.port}/#%`)
    await page.locator('.member').first().waitFor()
    await page.close()
    const strict = await browser.page()
    await strict.addInitScript(() => {
      for (const name of ['sessionStorage', 'localStorage']) Object.defineProperty(window, name, { get() { throw new DOMException('refused', 'SecurityError') } })
    })
    await strict.goto(`http://127.0.0.1:${daemon.port}/#t=${token}`)
    await strict.getByLabel('language of the lines').selectOption('js')
    assert.match(await strict.locator('[id="lounge.say"] .line code').textContent(), /^await/)
    assert.deepEqual(wrong, [])
    await strict.close()
  })

  test('the page shows another description, and follows nothing of the one before', async () => {
    const page = await browser.page()
    let asked = 0
    await page.routeWebSocket(/./, (ws) => { // each time it has another hash
      const server = ws.connectToServer()
      ws.onMessage((message) => {
        if (message.includes('rpc.describe')) asked++
        server.send(message.replace(/"hash":"[^"]*"/, '"hash":"another"'))
      })
    })
    const following = async () => Number(await world.run('-a', 'lounge', 'call', 'rpc.stats', '-o', 'subscriptions'))
    const others = await following()
    await page.goto(`http://127.0.0.1:${relay.port}/#t=${token}`)
    for (let i = 1; i <= 3; i++) {
      await page.locator('.now dd').first().waitFor()
      await page.evaluate(() => document.querySelector('.now').classList.add('before'))
      relay.cut()
      await page.locator('.now:not(.before) dd').first().waitFor()
      assert.ok(asked > i)
    }
    while (await following() !== others + 1);
    await page.close()
  })

  test('the page of a server with more services than one description has room for', async () => {
    const page = await browser.page()
    const wrong = faults(page)
    let asked = 0
    await page.routeWebSocket(/./, (ws) => {
      const server = ws.connectToServer()
      ws.onMessage((message) => {
        const call = JSON.parse(message)
        if (call.method === 'rpc.describe') asked++
        if (call.method !== 'rpc.describe' || call.params.service) return server.send(message)
        ws.send(JSON.stringify({ jsonrpc: '2.0', id: call.id, error: { code: -32007, message: 'over 4194304 bytes', data: { name: 'rpc.TooLarge', params: { limit: 4194304, started: true } } } }))
      })
      server.onMessage((message) => ws.send(message))
    })
    await page.goto(`http://127.0.0.1:${relay.port}/#t=${token}`)
    await page.locator('main').getByRole('link', { name: 'lounge' }).click()
    await page.locator('.now dd').first().waitFor()
    assert.equal(await page.locator('.member').count(), 9)
    assert.equal(await page.title(), 'lounge')
    const before = asked
    await page.evaluate(() => document.querySelector('.now').classList.add('before'))
    await page.locator('aside').getByRole('link', { name: 'say', exact: true }).click() // nothing is fetched twice
    while (asked === before) await page.waitForTimeout(10)
    relay.cut()
    while (asked < before + 2) await page.waitForTimeout(10)
    await page.locator('.now.before').waitFor()
    await page.getByRole('link', { name: 'Sabir' }).click()
    await page.locator('main').getByRole('link', { name: 'lounge' }).waitFor()
    assert.equal(await page.locator('.member').count(), 0)
    await page.goto(`http://127.0.0.1:${relay.port}/docs#lounge.NoSuchRoom`)
    await page.locator('[id="lounge.NoSuchRoom"]').waitFor()
    assert.deepEqual(wrong, [])
    await page.close()
  })

  test('what the page says can be read, in the light and in the dark', async () => {
    const page = await browser.page()
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme })
      for (const path of ['/', '/docs']) {
        await page.goto(`http://127.0.0.1:${daemon.port}${path}#t=${token}`)
        await page.locator('.member').first().waitFor()
        assert.deepEqual(await page.evaluate(faint), [], `${path} ${colorScheme}`)
      }
    }
    await page.close()
  })

  test('sabir web shows a service that has only a socket', async () => {
    const { child, found: [url] } = await world.start(/^http:.*/, 'web', 'lounge', '--level', 'read')
    const page = await browser.page()
    const wrong = faults(page)
    await page.goto(url)
    await page.locator('.now dd').first().waitFor()
    assert.match(await page.locator('.greeting').textContent(), /You are browser here, with level read\./)
    assert.deepEqual(wrong, [])
    await page.close()
    await stop(child, 'SIGINT')
  })

  test('the page below a path of a proxy', async (t) => {
    const proxy = await below('/api/', () => daemon.port)
    t.after(() => proxy.end())
    const page = await browser.page()
    const wrong = faults(page)
    await page.goto(`http://127.0.0.1:${proxy.port}/api/#t=${token}`)
    await page.locator('#state[data-state=connected]').waitFor()
    const line = page.locator('[id="lounge.say"] .line code')
    assert.match(await line.textContent(), /http:\/\/127\.0\.0\.1:\d+\/api\/lounge\.say$/)
    await page.getByRole('link', { name: 'Docs' }).click()
    await page.locator('[id="lounge.NoSuchRoom"]').waitFor()
    assert.match(page.url(), /\/api\/docs$/)
    const said = await page.evaluate(async (token) => {
      const { connect } = await import('/api/sabir.js')
      const lounge = connect(new URL('.', location.href), { token })
      return lounge.call('rpc.ping')
    }, token)
    assert.deepEqual(said, {})
    assert.deepEqual(wrong, [])
    await page.close()
  })

  test('the chat page of docs/web.md', async () => {
    const open = async () => {
      const page = await browser.page()
      await page.goto(`http://app.test:${app.port}/chat?at=http://127.0.0.1:${daemon.port}#t=${token}`)
      return page
    }
    const [ann, bob] = [await open(), await open()]
    const say = async (page, text) => {
      await page.getByPlaceholder('say something').fill(text)
      await page.getByPlaceholder('say something').press('Enter')
    }
    for (const page of [ann, bob]) await page.waitForFunction(() => document.forms[0].onsubmit)
    while (Number(await world.run('-a', 'lounge', 'call', 'rpc.stats', '-o', 'subscriptions')) < 2);
    await say(ann, 'hello <b>you</b>')
    for (const page of [ann, bob]) await page.locator('li', { hasText: /^guest\d+: hello <b>you<\/b>$/ }).waitFor()
    await daemon.stop()
    await daemon.start()
    for (const page of [ann, bob]) await page.locator('li', { hasText: '… some were lost' }).waitFor()
    await ann.close()
    await bob.close()
  })

  test('a page calls and watches, and nothing is lost when only the connection breaks', async () => {
    const page = await browser.page()
    const wrong = faults(page)
    await page.goto(`http://127.0.0.1:${relay.port}/`)
    await page.evaluate(async ({ token }) => {
      const { connect } = await import('/sabir.js')
      window.heard = []
      window.lounge = connect(location.href, { token })
      await lounge.call('lounge.join', { room: 'cuts', name: 'bot' })
      const events = lounge.watch('lounge.message', { room: 'cuts' }, { window: 16 })
      await events.next()
      window.listening = (async () => { for await (const e of events) heard.push([e.kind, e.lost, e.value?.text, e.seq]) })()
    }, { token })
    const n = 200
    for (let i = 0; i < n; i++) {
      await page.evaluate((text) => lounge.call('lounge.say', { room: 'cuts', name: 'bot', text }).catch(() => {}), `by the page ${i}`)
      if (i % 40 === 10) relay.cut() // five times: after each the pause before the next try may be longer
    }
    await world.run('call', 'lounge.say', 'room=cuts', 'name=bot', 'text=last')
    await page.waitForFunction(() => heard.some(([, , text]) => text === 'last'))
    const all = await page.evaluate(() => heard)
    const items = all.filter(([kind]) => kind === 'item')
    assert.ok(all.filter(([kind]) => kind === 'down').length >= 5, 'it broke')
    assert.ok(all.every(([, lost]) => lost === 0))
    assert.deepEqual(items.map(([, , , seq]) => seq), items.map((_, i) => i + 1))
    assert.ok(items.length > n / 2) // those that were cut while they were said may not have been
    // And when the daemon is another one, an unknown number was.
    await daemon.stop()
    await daemon.start()
    await page.waitForFunction(() => heard.some(([kind, lost]) => kind === 'live' && lost === -1))
    assert.deepEqual(wrong, [])
    await page.close()
  })

  test('the page comes back with the daemon', async () => {
    const page = await browser.page()
    await page.goto(`http://127.0.0.1:${daemon.port}/#t=${token}`)
    await page.locator('#state[data-state=connected]').waitFor()
    await daemon.stop('SIGTERM')
    await page.locator('#state[data-state=connecting]').waitFor()
    await daemon.start()
    await page.locator('#state[data-state=connected]').waitFor()
    await world.run('call', 'lounge.join', 'room=back', 'name=ann')
    await page.locator('.now dt', { hasText: 'rooms' }).locator('+ dd').filter({ hasText: /^1$/ }).waitFor()
    await page.close()
  })
})
