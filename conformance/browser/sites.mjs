// What the tests in a browser share: the browser, and sites of others, whose names all mean this machine.

import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { chromium } from 'playwright-core'

// launch starts Chromium, for which every name ending in .test is this machine, as DNS may make it.
export async function launch() {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sabir-chromium-'))
  const context = await chromium.launchPersistentContext(dir, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP *.test 127.0.0.1'],
  })
  return {
    context,
    // page opens a page of its own; seen is what its requests were answered with, dialogs what it would have shown.
    async page() {
      const page = await context.newPage()
      const seen = []
      page.on('response', (r) => seen.push(`${r.request().method()} ${new URL(r.url()).pathname} ${r.status()}`))
      page.setDefaultTimeout(30_000)
      return Object.assign(page, { seen })
    },
    async end() {
      await context.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

// A web server of somebody else: each path has a page.
export async function site(pages) {
  const server = createServer((request, response) => {
    const page = pages[new URL(request.url, 'http://x').pathname]
    response.writeHead(page === undefined ? 404 : 200, { 'Content-Type': 'text/html; charset=utf-8' })
    response.end(typeof page === 'function' ? page() : page)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: server.address().port, end: () => { server.closeAllConnections(); server.close() } }
}

// A proxy that has what is at a port below a path.
export async function below(path, to) {
  const ask = (asked) => ({ port: to(), host: '127.0.0.1', method: asked.method, path: asked.url.replace(path, '/'), headers: asked.headers })
  const open = new Set()
  const server = createServer((near, response) => {
    if (!near.url.startsWith(path)) return response.writeHead(404).end()
    near.pipe(request(ask(near), (far) => far.pipe(response.writeHead(far.statusCode, far.headers))))
  })
  server.on('upgrade', (near, socket) => {
    if (!near.url.startsWith(path)) return socket.destroy()
    request(ask(near)).end().on('upgrade', (far, onto) => {
      socket.write(['HTTP/1.1 101 Switching Protocols', ...Object.entries(far.headers).map(([k, v]) => `${k}: ${v}`)].join('\r\n') + '\r\n\r\n')
      for (const end of [socket, onto]) open.add(end.on('error', () => {}))
      socket.pipe(onto).pipe(socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: server.address().port,
    end() {
      server.closeAllConnections()
      server.close()
      for (const end of open) end.destroy()
    },
  }
}

// What rebinding a name looks like to who is reached by it: at first a page comes from there, then it is somebody else.
// Which of them is asked shows with the first bytes: a browser opens connections before it has something to say.
export async function rebinding(to) {
  let rebound = false
  const open = new Set()
  const server = net.createServer((near) => {
    open.add(near)
    near.on('close', () => open.delete(near))
    near.on('error', () => {})
    near.once('data', (first) => {
      if (!rebound) return near.end('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: 6\r\n\r\n<body>')
      const far = net.connect(to(), '127.0.0.1')
      far.on('error', () => near.destroy())
      far.write(first)
      near.pipe(far).pipe(near)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: server.address().port,
    rebind: () => { rebound = true },
    end() {
      server.close()
      for (const near of open) near.destroy()
    },
  }
}

// Run in a page: tries everything by which a page reaches a server, and tells what came of it. Nothing may be readable.
export async function attack({ at, token }) {
  const params = JSON.stringify({ room: 'pwned', name: 'evil' })
  const call = JSON.stringify({ id: 1, method: 'lounge.join', params: { room: 'pwned', name: 'evil' } })
  const told = {}
  const note = async (name, what) => {
    try {
      told[name] = await what
    } catch (e) {
      told[name] = 'refused'
    }
  }
  const read = async (path, options) => {
    const answer = await fetch(at + path, options)
    return answer.type === 'opaque' ? 'opaque' : `${answer.status} ${(await answer.text()).slice(0, 60)}`
  }
  const happens = (target, good, bad) => new Promise((resolve) => {
    target.addEventListener(good, () => resolve('worked'))
    target.addEventListener(bad, () => resolve('refused'))
  })
  const load = (tag, properties) => {
    const e = Object.assign(document.createElement(tag), properties)
    const loaded = happens(e, 'load', 'error')
    document.body.append(e)
    return loaded
  }
  const auth = { Authorization: 'Bearer ' + token }
  await note('text', read('/lounge.join', { method: 'POST', mode: 'no-cors', body: params }))
  await note('message', read('/', { method: 'POST', mode: 'no-cors', body: call + '\n' + call }))
  await note('blob', read('/lounge.join', { method: 'POST', mode: 'no-cors', body: new Blob([params]) }))
  await note('json', read('/lounge.join', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: params }))
  await note('bearer', read('/lounge.join', { method: 'POST', headers: { 'Content-Type': 'application/json', ...auth }, body: params }))
  await note('get', read('/lounge.status', { headers: auth }))
  await note('get no-cors', read('/lounge.status', { mode: 'no-cors' }))
  await note('page', read('/'))
  await note('put', read('/', { method: 'PUT', body: 'x' }))
  await note('beacon', navigator.sendBeacon(at + '/lounge.join', params))
  await note('image', load('img', { src: at + '/lounge.status' }))
  await note('script', load('script', { src: at + '/sabir.js' }))
  await note('module', load('script', { type: 'module', src: at + '/sabir.js' }))
  await note('style', load('link', { rel: 'stylesheet', href: at + '/page.css' }))
  await note('events', happens(new EventSource(at + '/lounge.status'), 'message', 'error'))
  await note('socket', happens(new WebSocket(at.replace('http', 'ws') + '/'), 'open', 'error'))
  return told
}

// Run in a page: the elements whose text has a contrast below 4.5 to 1 to what is behind it (WCAG 1.4.3).
export function faint() {
  const pixel = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  const colour = (css) => {
    pixel.clearRect(0, 0, 1, 1)
    pixel.fillStyle = css
    pixel.fillRect(0, 0, 1, 1)
    return [...pixel.getImageData(0, 0, 1, 1).data].map((x) => x / 255)
  }
  const over = (above, below, opacity = 1) => below.map((x, i) => x * (1 - above[3] * opacity) + above[i] * above[3] * opacity)
  const light = (c) => c.map((x) => (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)).reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0)
  return [...document.body.querySelectorAll('*')].filter((e) => {
    if (![...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim())) return false
    const around = []
    for (let p = e; p; p = p.parentElement) around.push(getComputedStyle(p))
    const behind = around.reduceRight((below, s) => over(colour(s.backgroundColor), below), [1, 1, 1])
    const text = over(colour(around[0].color), behind, around.reduce((all, s) => all * s.opacity, 1))
    const [dark, bright] = [light(text), light(behind)].sort((a, b) => a - b)
    return (bright + 0.05) / (dark + 0.05) < 4.5
  }).map((e) => `${e.tagName}.${e.className} ${e.textContent}`)
}
