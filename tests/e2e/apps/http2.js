// An HTTP/2 server without TLS, or with "call PORT PATH..." a client that asks for all of them at once.
const http2 = require('node:http2')
const [what, port, ...paths] = process.argv.slice(2)

if (what === 'serve') {
  const server = http2.createServer()
  server.on('stream', (stream, headers) => {
    const status = headers[':path'].startsWith('/missing') ? 404 : 200
    stream.on('error', () => {})
    if (headers[':path'].startsWith('/reset')) return stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)
    stream.respond({ ':status': status, 'x-trace': headers.traceparent || 'none' })
    stream.end(headers[':path'])
  })
  server.listen(0, '127.0.0.1', () => console.log(`listening on ${server.address().port}`))
} else {
  const session = http2.connect(`http://127.0.0.1:${port}`)
  let left = paths.length
  for (const path of paths) {
    const stream = session.request({ ':path': path })
    let status = 'none'
    stream.on('response', (headers) => { status = headers[':status'] })
    stream.on('error', (error) => { status = error.code })
    stream.on('data', () => {})
    stream.on('close', () => {
      console.log(path, status)
      if (--left === 0) session.close()
    })
  }
}
